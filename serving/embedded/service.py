"""The two services of TF Serving's protocol that this server answers."""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import AsyncIterator, Mapping

import grpc
import numpy as np
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.embedded.limits import array_row_bytes
from serving.embedded.metrics import Metrics
from serving.embedded.model_answers import check_label, model_metadata, model_status
from serving.embedded.off_loop import OffLoop
from serving.embedded.predictor import Predictor
from serving.embedded.request_checks import (
    RequestError,
    check_predict_request,
    invalid_argument,
    read_inputs,
)
from serving.embedded.servable import Servable
from serving.embedded.sparse_log import SparseLog
from serving.embedded.versions import VersionManager
from serving.tensors import write_proto

_sparse_log = SparseLog(logging.getLogger(__name__))


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers Predict through the predictor, and GetModelMetadata from the loaded version."""

    def __init__(
        self, versions: VersionManager, predictor: Predictor, off_loop: OffLoop, metrics: Metrics
    ):
        """Answers for what the other parts hold.

        Args:
          versions: The versions to answer from.
          predictor: Runs the requests.
          off_loop: Where large tensors are copied.
          metrics: Counts the requests.
        """
        self._versions = versions
        self._predictor = predictor
        self._off_loop = off_loop
        self._metrics = metrics

    async def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.aio.ServicerContext
    ) -> bytes | None:
        """Runs one signature on the request's rows; a bad one is answered with `valid` false.

        The PredictResponse is returned as it is sent, since writing it may take long.
        """
        started = time.monotonic()
        left = context.time_remaining()
        deadline = None if left is None else started + left
        async with _counted_call(context, self._metrics, started) as call:
            spec = _checked_spec(request)
            with self._versions.lease(spec.name, _version(spec)) as servable:
                signature = servable.signature(spec.signature_name)
                call.signature = signature.name
                checked = check_predict_request(request, signature, self._predictor.max_rows)
                inputs = await self._off_loop.run(
                    checked.rows * array_row_bytes(signature.inputs),
                    read_inputs,
                    request,
                    checked.shapes,
                )
                response = predict_pb2.PredictResponse(model_spec=_answered_spec(spec, servable))
                response.model_spec.signature_name = signature.name
                del request, spec  # Which the arrays have copied.
                outputs = await self._predictor.run(
                    servable, signature, inputs, checked.rows, deadline
                )
                asked = {alias: outputs[alias] for alias in checked.outputs}
                return await self._off_loop.run(_size(asked), _written, response, asked)
        return None

    async def GetModelMetadata(
        self,
        request: get_model_metadata_pb2.GetModelMetadataRequest,
        context: grpc.aio.ServicerContext,
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of the version that answers."""
        async with _counted_call(context, self._metrics, time.monotonic(), "GetModelMetadata"):
            spec = _checked_spec(request)
            if not request.metadata_field:
                raise invalid_argument(
                    "GetModelMetadataRequest must specify at least one metadata_field"
                )
            for field in request.metadata_field:
                if field != "signature_def":
                    raise invalid_argument(f"Metadata field {field} is not supported")
            with self._versions.lease(spec.name, _version(spec)) as servable:
                return model_metadata(spec.name, servable)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Reports the state of the model's versions."""

    def __init__(self, model_name: str, versions: VersionManager, metrics: Metrics):
        self._model_name = model_name
        self._versions = versions
        self._metrics = metrics

    async def GetModelStatus(
        self,
        request: get_model_status_pb2.GetModelStatusRequest,
        context: grpc.aio.ServicerContext,
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The state of one version, or of all, the latest first; a label is ignored."""
        async with _counted_call(context, self._metrics, time.monotonic(), "GetModelStatus"):
            spec = _model_spec(request)
            return model_status(self._versions, self._model_name, spec.name, _version(spec))


@dataclasses.dataclass
class _Call:
    # What the metrics count a call under: a name that the model has, since a client's own would
    # let strangers invent metrics.
    signature: str


@contextlib.asynccontextmanager
async def _counted_call(
    context: grpc.aio.ServicerContext, metrics: Metrics, started: float, name: str = "unknown"
) -> AsyncIterator[_Call]:
    """Turns what happens inside the `with` into a status, and counts it.

    A RequestError is the status that it holds; any other error is logged, and INTERNAL.
    """
    call = _Call(name)
    code, message = grpc.StatusCode.OK, ""
    try:
        yield call
    except RequestError as error:
        code, message = error.code, error.message
    except asyncio.CancelledError:
        # The client left, or its deadline passed: nobody reads an answer.
        metrics.observe_request(call.signature, "CANCELLED", time.monotonic() - started)
        raise
    except Exception as error:
        _sparse_log.warning("failed", "a request failed", error)
        code, message = grpc.StatusCode.INTERNAL, f"{type(error).__name__} in the server"
    metrics.observe_request(call.signature, code.name, time.monotonic() - started)
    if code is not grpc.StatusCode.OK:
        await context.abort(code, message)


def _size(outputs: Mapping[str, np.ndarray]) -> int:
    """Bytes of all outputs; of strings, the sum of their lengths."""
    return sum(
        sum(map(len, value.flat)) if value.dtype.hasobject else value.nbytes
        for value in outputs.values()
    )


def _written(response: predict_pb2.PredictResponse, outputs: Mapping[str, np.ndarray]) -> bytes:
    for alias, value in outputs.items():
        write_proto(value, response.outputs[alias])
    return response.SerializeToString()


def _model_spec(
    request: predict_pb2.PredictRequest
    | get_model_metadata_pb2.GetModelMetadataRequest
    | get_model_status_pb2.GetModelStatusRequest,
) -> model_pb2.ModelSpec:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    return request.model_spec


def _checked_spec(
    request: predict_pb2.PredictRequest | get_model_metadata_pb2.GetModelMetadataRequest,
) -> model_pb2.ModelSpec:
    """The request's model_spec, with the refusals of TF Serving's `server_core.cc`."""
    spec = _model_spec(request)
    if not spec.name:
        raise invalid_argument("ModelSpec has no name specified.")
    if spec.WhichOneof("version_choice") == "version_label":
        check_label(spec.version_label)
    return spec


def _version(spec: model_pb2.ModelSpec) -> int | None:
    return spec.version.value if spec.HasField("version") else None


def _answered_spec(spec: model_pb2.ModelSpec, servable: Servable) -> model_pb2.ModelSpec:
    answered = model_pb2.ModelSpec(name=spec.name)
    answered.version.value = servable.version
    return answered
