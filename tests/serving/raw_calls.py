"""Calls with the official stubs, past our client."""

import os

import grpc
import numpy as np
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.tensors import to_proto

# host:port of a real TF Serving that serves an export under the name `glow`, if there is one.
TF_SERVING_VARIABLE = "TFGLOW_TF_SERVING"


class _NoEmptyRequests(grpc.UnaryUnaryClientInterceptor):
    """Sends no request of 0 rows: where batches are padded, TF Serving's process ends over it."""

    def intercept_unary_unary(self, continuation, client_call_details, request):
        inputs = getattr(request, "inputs", {})
        empty = [n for n, v in inputs.items() if any(d.size == 0 for d in v.tensor_shape.dim)]
        if empty:
            raise AssertionError(f"A server that others share is sent no empty {empty}.")
        return continuation(client_call_details, request)


class RawStubs:
    """Both services at an address; a context manager."""

    def __init__(self, address: str):
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(address, options)
        if address == os.environ.get(TF_SERVING_VARIABLE):
            self.channel = grpc.intercept_channel(self.channel, _NoEmptyRequests())
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def __enter__(self) -> "RawStubs":
        return self

    def __exit__(self, *_) -> None:
        self.channel.close()

    def predict(self, request, timeout: float = 20.0):
        return self.predictions.Predict(request, timeout=timeout)


def predict_request(signature: str = "sample", model: str = "glow", **inputs):
    """A PredictRequest; inputs are arrays or ready TensorProtos."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        proto = to_proto(value) if isinstance(value, np.ndarray) else value
        request.inputs[name].CopyFrom(proto)
    return request


def sample_request(seeds=(1, 2, 3), temperatures=None, **inputs):
    """A good `sample` request, or a bad one by its arguments."""
    seeds = np.array(seeds, np.int64)
    if temperatures is None:
        temperatures = np.full(len(seeds), 0.7)
    return predict_request(
        "sample", seed=seeds, temperature=np.array(temperatures, np.float32), **inputs
    )


def refusal(call, *args, **kwargs) -> tuple[grpc.StatusCode, str]:
    """The status that `call` ends with, which must not be OK."""
    try:
        call(*args, **kwargs)
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError("the call was answered")
