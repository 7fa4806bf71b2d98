"""The client and its command before servers that answer anything."""

import contextlib
from concurrent import futures

import grpc
import numpy as np
import pytest
from PIL import Image
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.client import GlowClient, InvalidRowError, ServingError
from serving.client.cli import main
from serving.tensors import to_proto

# Sets a terminal's title, rubs out a line, forges another, and turns the direction of writing.
EVIL = "\x1b]0;owned\x07\r\x1b[2K\nerror: forged\u202e\x9b31m\u2028end"
SHOWN = r"\x1b]0;owned\x07\r\x1b[2K\nerror: forged\u202e\x9b31m\u2028end"
FLOAT, UINT8, INT64, BOOL, STRING = (
    types_pb2.DT_FLOAT,
    types_pb2.DT_UINT8,
    types_pb2.DT_INT64,
    types_pb2.DT_BOOL,
    types_pb2.DT_STRING,
)


def signature(inputs, outputs):
    """A signature of tensors (type, sizes) by name."""
    definition = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    for tensors, place in ((inputs, definition.inputs), (outputs, definition.outputs)):
        for name, (dtype, *sizes) in tensors.items():
            place[name].dtype = dtype
            for size in sizes:
                place[name].tensor_shape.dim.add(size=size)
    return definition


def glow_signatures(side=4, label=False):
    """The signatures of a Glow of `side` x `side` grey pixels."""
    label = {"label": (types_pb2.DT_INT32, -1)} if label else {}
    image, latent = (UINT8, -1, side, side, 1), (FLOAT, -1, side * side)
    valid, row = (BOOL, -1), (FLOAT, -1)
    return {
        "encode": signature(
            {"image": image, **label},
            {"latent": latent, "log_prob": row, "bits_per_dim": row, "valid": valid},
        ),
        "decode": signature({"latent": latent, **label}, {"image": image, "valid": valid}),
        "sample": signature(
            {"seed": (INT64, -1), "temperature": row, **label},
            {"image": image, "latent": latent, "valid": valid},
        ),
    }


class Anything(
    model_service_pb2_grpc.ModelServiceServicer,
    prediction_service_pb2_grpc.PredictionServiceServicer,
):
    """Answers zeros by its signatures, or as `spoil` and `abort` want it."""

    def __init__(self):
        self.signatures = glow_signatures()
        self.name = "glow"
        self.version = 1
        self.abort = None
        self.spoil = lambda response: None
        self.metadata_calls = 0
        self.predicted = 0

    def GetModelStatus(self, request, context):
        self._abort(context)
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=1, state=30).status.error_message = EVIL
        response.model_version_status.add(version=2, state=77)
        return response

    def GetModelMetadata(self, request, context):
        self.metadata_calls += 1
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self.name
        response.model_spec.version.value = self.version
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=self.signatures)
        response.metadata["signature_def"].Pack(signatures)
        return response

    def Predict(self, request, context):
        self._abort(context)
        self.predicted += 1
        definition = self.signatures[request.model_spec.signature_name]
        if set(request.inputs) != set(definition.inputs):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "input size does not match signature")
        for name, info in definition.inputs.items():
            sent = [dim.size for dim in request.inputs[name].tensor_shape.dim]
            if sent[1:] != [dim.size for dim in info.tensor_shape.dim][1:]:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"shape of {name}")
        rows = sent[0]
        response = predict_pb2.PredictResponse()
        response.model_spec.version.value = self.version
        for name, info in definition.outputs.items():
            kind = {FLOAT: np.float32, UINT8: np.uint8, BOOL: np.bool_}[info.dtype]
            sizes = [dim.size for dim in info.tensor_shape.dim][1:]
            response.outputs[name].CopyFrom(to_proto(np.ones((rows, *sizes), kind)))
        self.spoil(response)
        return response

    def _abort(self, context):
        if self.abort:
            context.abort(*self.abort)


@pytest.fixture(scope="module")
def running():
    """A server, whose one service each test replaces."""
    server = grpc.server(futures.ThreadPoolExecutor(4))

    class Current(
        model_service_pb2_grpc.ModelServiceServicer,
        prediction_service_pb2_grpc.PredictionServiceServicer,
    ):
        """Hands every call on to `service`."""

        service = Anything()

        def GetModelStatus(self, request, context):
            return self.service.GetModelStatus(request, context)

        def GetModelMetadata(self, request, context):
            return self.service.GetModelMetadata(request, context)

        def Predict(self, request, context):
            return self.service.Predict(request, context)

    current = Current()
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(current, server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(current, server)
    current.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield current
    server.stop(0).wait()


@pytest.fixture
def hostile(running):
    running.service = Anything()
    running.service.address = running.address
    return running.service


@pytest.fixture
def run(hostile, monkeypatch, tmp_path, capsys):
    """Runs a command in an empty folder; returns its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)
    Image.new("L", (4, 4), 200).save("a.png")
    np.save("a.npy", np.zeros((1, 16), np.float32))

    def run(*arguments):
        status = main([*arguments, "--server", hostile.address, "--retries=0"])
        return status, *capsys.readouterr()

    return run


def assert_printable(text):
    assert all(line.isprintable() for line in text.split("\n")), ascii(text)


def test_a_status_is_escaped(run):
    status, out, err = run("status")
    assert (status, err) == (0, "")
    assert out == f"version 1: AVAILABLE: {SHOWN}\nversion 2: state 77\n"


def test_names_are_escaped(run, hostile):
    hostile.name = EVIL
    hostile.signatures[EVIL] = signature({EVIL: (STRING, -1)}, {EVIL: (FLOAT,)})
    status, out, err = run("metadata")
    assert (status, err) == (0, "") and out.startswith(f"{SHOWN}, version 1\n")
    assert f"  <- {SHOWN}: string [N]\n" in out
    assert_printable(out)


COMMANDS = [
    ("sample",),
    ("encode", "a.png"),
    ("decode", "a.npy"),
    ("reconstruct", "a.png"),
    ("interpolate", "a.png", "a.png"),
    ("status",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    "code", ["INTERNAL", "UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "NOT_FOUND"]
)
def test_errors_are_one_line_and_escaped(run, hostile, command, code):
    # gRPC carries details in percent-encoded UTF-8, so that they arrive as they are.
    hostile.abort = (grpc.StatusCode[code], EVIL)
    status, out, err = run(*command)
    assert status == 1 and not out and err.startswith("error: ") and err.count("\n") == 1
    assert SHOWN in err
    assert_printable(err)


def test_long_errors_are_cut(run, hostile):
    hostile.abort = (grpc.StatusCode.INTERNAL, "x" * 5000)
    assert len(run("sample")[2]) < 2200


def test_the_librarys_exceptions_are_printable(hostile):
    """Whoever prints them, or lets a traceback be printed."""
    hostile.signatures[EVIL] = signature({EVIL: (FLOAT, -1)}, {"valid": (BOOL, -1)})
    hostile.signatures["odd"] = signature({EVIL: (types_pb2.DT_HALF, -1)}, {"valid": (BOOL, -1)})

    def invalid(response):
        response.outputs["valid"].CopyFrom(to_proto(np.zeros(1, np.bool_)))

    hostile.spoil = invalid
    with GlowClient(hostile.address, retries=0) as client:
        for name, inputs, error in [
            ("paint", {"a": [1.0]}, ValueError),
            (EVIL, {"a": [1.0]}, ValueError),
            (EVIL, {EVIL: [[1.0]]}, ValueError),
            (EVIL, {EVIL: [np.nan]}, InvalidRowError),
            ("odd", {EVIL: [1.0]}, ValueError),
        ]:
            with pytest.raises(error) as caught:
                client.predict(name, inputs)
            assert SHOWN in str(caught.value)
            assert_printable(str(caught.value))


def test_a_progress_bar_is_escaped(hostile, capsys):
    hostile.signatures[EVIL] = signature({"a": (FLOAT, -1)}, {"valid": (BOOL, -1)})
    with GlowClient(hostile.address, progress=True) as client:
        client.predict(EVIL, {"a": [1.0]})
    err = capsys.readouterr().err
    assert SHOWN in err
    assert_printable(err.replace("\r", "\n"))


def _drop(*names):
    def spoil(service):
        for name in names:
            del service.signatures[name]

    return spoil


def _shape(name, tensor, *sizes):
    def spoil(service):
        shape = service.signatures[name].inputs[tensor].tensor_shape
        shape.ClearField("dim")
        for size in sizes:
            shape.dim.add(size=size)

    return spoil


def _unknown_rank(service):
    service.signatures["decode"].inputs["latent"].tensor_shape.unknown_rank = True


def _no_output(service):
    del service.signatures["encode"].outputs["bits_per_dim"]


def _other_type(service):
    service.signatures["encode"].inputs["image"].dtype = types_pb2.DT_VARIANT


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_drop("encode"), "has no signature 'encode'"),
        (_drop("encode", "decode", "sample"), "has no signature"),
        (_shape("encode", "image", -1, 4), "no input 'image' of rank 4"),
        (_shape("encode", "image", -1, -1, -1, 1), "no input 'image' of rank 4 with fixed sizes"),
        (_shape("encode", "image", -1, 2**40, 2**20, 1), "which is far too large"),
        (_shape("decode", "latent"), "no input 'latent' of rank 2"),
        (_unknown_rank, "no input 'latent' of rank 2"),
        (_no_output, "no output 'bits_per_dim'"),
        (_other_type, "a type that this client does not send"),
    ],
)
def test_a_model_that_is_no_glow_is_one_sentence(run, hostile, spoil, message):
    spoil(hostile)
    status, out, err = run("encode", "a.png")
    assert status == 1 and not out and message in err and err.count("\n") == 1


def _replace(name, value):
    return lambda response: response.outputs[name].CopyFrom(to_proto(value))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_replace("image", np.zeros((1, 4, 4, 3), np.uint8)), "answered as uint8 [1, 4, 4, 3]"),
        (_replace("image", np.zeros((1, 4, 4, 1), np.float32)), "answered as float32"),
        (_replace("image", np.full((1, 4, 4, 1), b"x", object)), "answered as object"),
        (_replace("valid", np.ones(1, np.int32)), "`valid` was answered as int32 [1]"),
        (_replace("valid", np.full(1, EVIL.encode(), object)), "`valid` was answered as object"),
        (_replace(EVIL, np.ones(1, np.float32)), "were answered, of image, valid"),
        (_replace("image", np.zeros((5, 4, 4, 1), np.uint8)), "1 rows were answered with"),
        (lambda response: response.outputs.clear(), "1 rows were answered with {}"),
    ],
)
def test_answers_that_do_not_fit_are_one_sentence(run, hostile, spoil, message):
    hostile.spoil = spoil
    status, out, err = run("decode", "a.npy")
    assert status == 1 and not out and err.count("\n") == 1
    assert message in err
    assert_printable(err)


def test_metadata_that_is_no_map(run, hostile, monkeypatch):
    def broken(request, context):
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        place = response.metadata["signature_def"]
        place.type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
        place.value = b"\xff\xff\xff"
        return response

    monkeypatch.setattr(hostile, "GetModelMetadata", broken)
    status, _, err = run("metadata")
    assert status == 1 and "is no map of signatures" in err and err.count("\n") == 1


def images(rows, side):
    return np.zeros((rows, side, side, 1), np.uint8)


@pytest.mark.parametrize("version", [1, 2], ids=["same number", "next number"])
def test_a_swap_to_another_model_is_seen(hostile, version):
    """Other sizes, then classes, then none: with each, what fits is sent and the rest refused."""
    with GlowClient(hostile.address) as client:
        assert client.encode(images(2, 4)).latent.shape == (2, 16)
        assert client.encode(images(2, 4)).latent.shape == (2, 16)
        assert hostile.metadata_calls == 1
        hostile.signatures, hostile.version = glow_signatures(6), version
        assert client.encode(images(2, 6)).latent.shape == (2, 36)
        with pytest.raises(ValueError, match=r"must be uint8 \[N, 6, 6, 1\], got uint8 \[2, 4, 4"):
            client.encode(images(2, 4))
        hostile.signatures, hostile.version = glow_signatures(6, label=True), version + 1
        with pytest.raises(ValueError, match="needs labels"):
            client.encode(images(2, 6))
        assert client.sample(1, labels=0).shape == (1, 6, 6, 1)
        hostile.signatures, hostile.version = glow_signatures(4), version + 2
        assert client.reconstruct(images(1, 4)).shape == (1, 4, 4, 1)
        asked = hostile.metadata_calls
        assert client.sample(3).shape == (3, 4, 4, 1)
        assert hostile.metadata_calls == asked


def test_a_signature_that_a_later_version_has(hostile):
    with GlowClient(hostile.address) as client:
        with pytest.raises(ValueError, match="must be one of decode, encode, sample, got 'more'"):
            client.predict("more", {"a": [1.0]})
        hostile.signatures["more"] = signature({"a": (FLOAT, -1)}, {"valid": (BOOL, -1)})
        assert client.predict("more", {"a": [1.0]}) == {}


def test_rows_of_two_versions_are_not_mixed(hostile):
    """A large call's pieces, and a call of two steps."""
    swaps = []

    def swap(response):
        if swaps:
            hostile.version = swaps.pop()

    hostile.spoil = swap
    with GlowClient(hostile.address, batch_size=1, window=1) as client:
        client.encode(images(1, 4))
        hostile.predicted = 0
        swaps[:] = [2]
        assert len(client.encode(images(3, 4)).latent) == 3
        assert hostile.predicted == 6
        hostile.predicted = 0
        swaps[:] = [3]
        client.reconstruct(images(1, 4))
        assert hostile.predicted == 4
        swaps[:] = range(100, 200)
        with pytest.raises(ServingError, match="changed the version of the model while") as caught:
            client.encode(images(3, 4))
        assert caught.value.code is grpc.StatusCode.ABORTED


def test_a_bad_request_is_refused_once_more_at_most(hostile):
    hostile.abort = (grpc.StatusCode.INVALID_ARGUMENT, "no")
    with GlowClient(hostile.address) as client, contextlib.suppress(ServingError):
        client.metadata()
        with pytest.raises(ServingError, match="no"):
            client.sample(1)
    assert hostile.metadata_calls == 2
