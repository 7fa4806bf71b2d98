"""The client and answers that the embedded server does not give.

TF Serving writes values into typed fields rather than `tensor_content`, and some answers are wrong.
"""

from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.client import GlowClient, InvalidRowError, ServingError
from serving.embedded.servable import Servable
from serving.tensors import to_array, to_proto


class PlainServing(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Runs whatever it is asked to, as TF Serving does."""

    def __init__(self, folder):
        self.servable = Servable(1, folder, tf.compat.v1.ConfigProto())
        self.largest = 0
        self.spoil = lambda response: None

    def Predict(self, request, context):
        signature = self.servable.signature(request.model_spec.signature_name)
        feeds = {name: to_array(proto) for name, proto in request.inputs.items()}
        self.largest = max(self.largest, *(len(value) for value in feeds.values()))
        response = predict_pb2.PredictResponse()
        for name, value in self.servable.run(signature, feeds, None).items():
            response.outputs[name].CopyFrom(typed(value))
        self.spoil(response)
        return response

    def GetModelMetadata(self, request, context):
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        definitions = self.servable.signature_defs
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=definitions)
        response.metadata["signature_def"].Pack(signatures)
        return response


def typed(array):
    """The proto that `Tensor::AsProtoField` writes."""
    proto = to_proto(array)
    if array.dtype == object:
        return proto
    field = {"f": "float_val", "u": "int_val", "b": "bool_val"}[array.dtype.kind]
    getattr(proto, field).extend(array.reshape(-1).tolist())
    proto.ClearField("tensor_content")
    return proto


@pytest.fixture
def plain(conditional_base):
    server = grpc.server(futures.ThreadPoolExecutor(2))
    service = PlainServing(conditional_base / "1")
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    service.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield service
    server.stop(0).wait()
    service.servable.close()


@pytest.fixture
def client(plain):
    with GlowClient(plain.address, batch_size=4) as connected:
        yield connected


def test_typed_fields_are_read(client, plain, conditional_server):
    images = client.sample(10, 0.7, labels=1, seed=3)
    with GlowClient(conditional_server.address) as embedded:
        np.testing.assert_array_equal(embedded.sample(10, 0.7, labels=1, seed=3), images)
    np.testing.assert_array_equal(client.reconstruct(images, 2), images)
    assert len(client.sample_png(3, labels=0)) == 3
    assert plain.largest == 4


def test_a_row_that_is_not_valid_is_named(client):
    labels = np.zeros(10, int)
    labels[6] = 3
    with pytest.raises(InvalidRowError, match="row 6: `label` = 3, which is not one of") as caught:
        client.sample(10, labels=labels, seed=0)
    assert caught.value.row == 6
    with pytest.raises(InvalidRowError, match=r"row 9: `temperature` = -0.5"):
        client.sample(10, [1.0] * 9 + [-0.5], labels=0, seed=0)


@pytest.mark.parametrize("name", ["image", "valid"])
def test_an_answer_that_is_no_tensor_is_an_error(client, plain, name):
    def spoil(response):
        response.outputs[name].tensor_shape.dim[0].size = 2**40

    plain.spoil = spoil
    with pytest.raises(ServingError, match="answered a tensor that declares"):
        client.sample(2, labels=0)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda response: response.outputs.pop("valid"),
        lambda response: response.outputs["image"].CopyFrom(to_proto(np.zeros((1, 4, 4, 3)))),
        lambda response: response.outputs["more"].CopyFrom(to_proto(np.array(1.0))),
    ],
)
def test_an_answer_with_other_rows_is_an_error(client, plain, spoil):
    plain.spoil = spoil
    with pytest.raises(ServingError, match="2 rows were answered with"):
        client.sample(2, labels=0)
