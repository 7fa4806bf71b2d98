"""TF Serving's status codes and messages, from each kind of server."""

import numpy as np
import pytest
from grpc import StatusCode
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

from serving.tensors import to_proto
from tests.serving.raw_calls import RawStubs, predict_request, refusal

pytestmark = pytest.mark.slow
INVALID = StatusCode.INVALID_ARGUMENT


@pytest.fixture
def stubs(any_address):
    with RawStubs(any_address) as stubs:
        yield stubs


@pytest.fixture
def good(any_client) -> predict_pb2.PredictRequest:
    """A request that is answered: `decode` of zeros."""
    model = any_client.metadata()
    inputs = {"latent": np.zeros((2, model.dimensions), np.float32)}
    if model.is_conditional:
        inputs["label"] = np.zeros(2, np.int32)
    return predict_request("decode", **inputs)


def _no_spec(request):
    request.ClearField("model_spec")


def _no_name(request):
    request.model_spec.name = ""


def _other_model(request):
    request.model_spec.name = "other"


def _other_model_version(request):
    request.model_spec.name = "other"
    request.model_spec.version.value = 7


def _other_version(request):
    request.model_spec.version.value = 2**62


def _label(request):
    request.model_spec.version_label = "nightly"


def _signature(request):
    request.model_spec.signature_name = "paint"


def _missing_input(request):
    del request.inputs["latent"]


def _extra_input(request):
    request.inputs["more"].CopyFrom(to_proto(np.zeros(2, np.float32)))


def _renamed_input(request):
    request.inputs["code"].CopyFrom(request.inputs["latent"])
    del request.inputs["latent"]


def _half_a_tensor(request):
    request.inputs["latent"].tensor_content = b"123"


def _no_type(request):
    request.inputs["latent"].dtype = 0


def _double(request):
    request.inputs["latent"].CopyFrom(to_proto(np.zeros((2, 48))))


def _string(request):
    request.inputs["latent"].CopyFrom(to_proto(np.array([b"a", b"b"], object)))


def _shape(request):
    request.inputs["latent"].CopyFrom(to_proto(np.zeros((2, 5), np.float32)))


def _unknown_output(request):
    request.output_filter.append("colour")


def _output_twice(request):
    request.output_filter.extend(["image", "image"])


CASES = [
    (_no_spec, INVALID, "Missing ModelSpec"),
    (_no_name, INVALID, "ModelSpec has no name specified."),
    (_other_model, StatusCode.NOT_FOUND, "Servable not found for request: Latest(other)"),
    (_other_model_version, StatusCode.NOT_FOUND, "for request: Specific(other, 7)"),
    (_other_version, StatusCode.NOT_FOUND, f"for request: Specific(glow, {2**62})"),
    (_label, INVALID, "Unrecognized servable version label: nightly"),
    (_signature, StatusCode.FAILED_PRECONDITION, 'Serving signature key "paint" not found.'),
    (_missing_input, INVALID, "Sent extra: {}. Missing but required: {latent}."),
    (_extra_input, INVALID, "Sent extra: {more}. Missing but required: {}."),
    (_renamed_input, INVALID, "Signature input alias: latent(feed name: "),
    (_half_a_tensor, INVALID, "tensor parsing error: latent"),
    (_no_type, INVALID, "tensor parsing error: latent"),
    (_double, INVALID, "to be float but double is provided"),
    (_string, INVALID, "to be float but string is provided"),
    (_shape, INVALID, "is not compatible with expected shape [?,"),
    (_unknown_output, INVALID, "output tensor alias not found in signature: colour"),
    (_output_twice, INVALID, "duplicate output tensor alias: image"),
]


@pytest.mark.parametrize(
    ("spoil", "code", "message"), CASES, ids=lambda c: getattr(c, "__name__", None)
)
def test_predict(stubs, good, spoil, code, message):
    bad = predict_pb2.PredictRequest()
    bad.CopyFrom(good)
    spoil(bad)
    status = refusal(stubs.predict, bad)
    assert status[0] is code
    assert message in status[1]
    assert stubs.predict(good).outputs["image"].tensor_shape.dim[0].size == 2


def test_the_number_of_inputs_is_worded_as_in_tf_serving(stubs, good, any_client):
    if any_client.metadata().is_conditional:
        pytest.skip("the sentence lists the labels too")
    del good.inputs["latent"]
    assert refusal(stubs.predict, good)[1] == (
        "input size does not match signature: 0!=1 len({}) != len({latent}). "
        "Sent extra: {}. Missing but required: {latent}."
    )


def test_a_long_message_is_truncated(stubs, good):
    good.model_spec.signature_name = "x" * 5000
    code, message = refusal(stubs.predict, good)
    assert code is StatusCode.FAILED_PRECONDITION
    assert message.endswith("...TRUNCATED") and len(message) < 1100


def test_metadata(stubs):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    call = stubs.predictions.GetModelMetadata
    assert refusal(call, request) == (INVALID, "Missing ModelSpec")
    request.model_spec.name = "glow"
    message = "GetModelMetadataRequest must specify at least one metadata_field"
    assert refusal(call, request) == (INVALID, message)
    request.metadata_field.append("weights")
    assert refusal(call, request) == (INVALID, "Metadata field weights is not supported")
    request.metadata_field[:] = ["signature_def"]
    request.model_spec.version.value = 77
    assert refusal(call, request)[0] is StatusCode.NOT_FOUND


def test_status(stubs):
    request = get_model_status_pb2.GetModelStatusRequest()
    call = stubs.models.GetModelStatus
    assert refusal(call, request) == (INVALID, "Missing ModelSpec")
    request.model_spec.name = "other"
    missing = StatusCode.NOT_FOUND
    assert refusal(call, request) == (missing, "Could not find any versions of model other")
    request.model_spec.name = "glow"
    request.model_spec.version.value = 77
    assert refusal(call, request) == (missing, "Could not find version 77 of model glow")
    # A label chooses what answers a prediction; a status request's is ignored.
    request.model_spec.version_label = "nightly"
    assert call(request).model_version_status


def test_the_answer_names_version_and_signature(stubs, good, any_client):
    version = any_client.metadata().version
    spec = stubs.predict(good).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("glow", version, "decode")
    good.model_spec.version.value = version
    assert stubs.predict(good).model_spec.version.value == version


def test_the_default_signature_samples(stubs, any_client):
    inputs = {"seed": np.array([4]), "temperature": np.array([0.7], np.float32)}
    if any_client.metadata().is_conditional:
        inputs["label"] = np.array([0], np.int32)
    answer = stubs.predict(predict_request("", **inputs))
    assert answer.model_spec.signature_name == "serving_default"
    assert set(answer.outputs) == {"image", "latent", "valid"}


def test_output_filter(stubs, good):
    good.output_filter.append("image")
    assert set(stubs.predict(good).outputs) == {"image"}
