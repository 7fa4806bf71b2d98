"""Messages that are made to hurt, whatever their method: refused at once by the right code."""

import logging
import threading
import time

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

from tests.serving.raw_calls import RawStubs, refusal, sample_request
from tests.serving.wire_bytes import field, number

pytestmark = pytest.mark.slow

Code = grpc.StatusCode
SPEC = field(1, field(1, b"glow"))
MEBIBYTE = 1 << 20
PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
CLASSIFY = "/tensorflow.serving.PredictionService/Classify"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@pytest.fixture(scope="module")
def server(serve_for_module, toy_base):
    """Its limit is raised far beyond the model's need, so that fields alone must be bounded."""
    return serve_for_module(toy_base, max_request_rows=200_000, max_request_bytes=64 << 20)


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.address, [("grpc.max_send_message_length", -1)]) as channel:
        yield channel


def tensor(content):
    """A request with one input named `latent`."""
    signature = field(1, field(1, b"glow") + field(3, b"decode"))
    return signature + field(2, field(1, b"latent") + field(2, b"\x08\x01" + content))


def repeat(one, size=8 * MEBIBYTE):
    return one * (size // len(one))


def nested(depth):
    """A variant_val in a tensor in a variant_val, and so on."""
    raw = b""
    for _ in range(depth):
        raw = field(15, field(3, raw))
    return raw


# Made when they are sent: they are 8 MB each.
HOSTILE = {
    "empty_inputs": lambda: SPEC + repeat(field(2, b"")),
    "inputs": lambda: (
        SPEC + b"".join(field(2, field(1, b"%d" % i) + b"\x12\0") for i in range(300_000))
    ),
    "one_input_many_times": lambda: SPEC + repeat(field(2, field(1, b"x") + field(2, b"\x08\x01"))),
    "input_merged_many_times": lambda: SPEC + field(2, field(1, b"x") + repeat(field(2, b""))),
    "output_filter": lambda: SPEC + repeat(field(3, b"")),
    "output_filter_of_good_names": lambda: SPEC + repeat(field(3, b"image")),
    "model_specs": lambda: repeat(SPEC),
    "unknown_fields": lambda: SPEC + repeat(number(999, 1)),
    "unknown_bytes": lambda: SPEC + repeat(field(999, b"")),
    "groups": lambda: SPEC + repeat(b"\x9b\x06\x9c\x06"),
    "deep_groups": lambda: SPEC + b"\x9b\x06" * MEBIBYTE + b"\x9c\x06" * MEBIBYTE,
    "dims": lambda: tensor(field(2, repeat(field(2, b"")))),
    "named_dims": lambda: tensor(field(2, repeat(field(2, number(1, 1) + field(2, b"name"))))),
    "shapes": lambda: tensor(repeat(field(2, b""))),
    "string_val": lambda: tensor(repeat(field(8, b""))),
    "unpacked_float_val": lambda: tensor(repeat(b"\x2d\0\0\0\0")),
    "unpacked_int_val": lambda: tensor(repeat(number(7, 1))),
    "resource_handle_val": lambda: tensor(repeat(field(14, b""))),
    "variant_val": lambda: tensor(repeat(field(15, field(3, b"")))),
}
# By the number of bytes or of rows, not of fields.
LARGE = {
    "long_input_name": lambda: (
        SPEC + field(2, field(1, b"n" * MEBIBYTE) + field(2, b"")),
        "!=2 len({nnn",
    ),
    "long_four_byte_name": lambda: (
        SPEC + field(2, field(1, "😀".encode() * 300_000)),
        "TRUNCATED",
    ),
    "packed_int_val": lambda: (tensor(field(7, bytes(16 * MEBIBYTE))), "more than 9604096 numbers"),
    "packed_int64_val": lambda: (tensor(field(10, bytes(8 * MEBIBYTE))), "at least one dimension"),
    "content": lambda: (tensor(field(4, bytes(8 * MEBIBYTE))), "at least one dimension"),
    "dims_of_dtype_string": lambda: (
        tensor(b"\x08\x07" + field(2, field(2, b"") * 3000)),
        "be float but",
    ),
    "dims_below_the_limit": lambda: (tensor(field(2, field(2, b"") * 3000)), "3000 dimensions"),
    "output_name": lambda: (SPEC + field(3, b"n" * MEBIBYTE), "input size does not match"),
    "signature_name": lambda: (
        field(1, field(1, b"glow") + field(3, b"n" * MEBIBYTE)),
        "TRUNCATED",
    ),
    "model_name": lambda: (field(1, field(1, b"n" * MEBIBYTE)), "TRUNCATED"),
    "label": lambda: (field(1, field(1, b"glow") + field(4, b"n" * MEBIBYTE)), "TRUNCATED"),
}


def send(channel, method, raw, timeout=20):
    """The status of a call that must not be answered, and the seconds until it came."""
    started = time.monotonic()
    code, details = refusal(channel.unary_unary(method), raw, timeout=timeout)
    return code, details, time.monotonic() - started


@pytest.fixture(autouse=True)
def answers_on(server):
    yield
    with RawStubs(server.address) as stubs:
        assert stubs.predict(sample_request([1, 2])).outputs["image"].tensor_shape.dim[0].size == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_many_fields_are_refused_at_once(channel, name):
    code, details, seconds = send(channel, PREDICT, HOSTILE[name]())
    assert code is Code.INVALID_ARGUMENT
    assert "more than 204096 fields" in details or "shape" in details
    # A microsecond a field and more was what decoding took.
    assert seconds < 2


@pytest.mark.parametrize("depth", [200, 50_000])
def test_deep_messages_are_internal(channel, depth):
    """Protocol buffers themselves end at a depth of 100."""
    assert send(channel, PREDICT, tensor(nested(depth)))[0] is Code.INTERNAL


@pytest.mark.parametrize("name", LARGE)
def test_large_fields_are_refused(channel, name):
    raw, message = LARGE[name]()
    code, details, seconds = send(channel, PREDICT, raw)
    assert code in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.NOT_FOUND}
    assert message in details, details
    assert len(details.encode()) <= 1024 + len("...TRUNCATED")
    assert seconds < 2


@pytest.mark.parametrize("method", [METADATA, STATUS, CHECK, WATCH, REFLECTION])
def test_messages_without_tensors_are_small(channel, method):
    code, details, _ = send(channel, method, bytes(MEBIBYTE))
    assert code is Code.RESOURCE_EXHAUSTED
    assert details == "Received message larger than max (1048576 vs. 65536)"
    code, details, _ = send(channel, method, field(99, b"") * 4097)
    assert (code, "more than 4096 fields" in details) == (Code.INVALID_ARGUMENT, True)


def test_a_message_beyond_the_model_is_refused(serve, five_channel_base):
    """80 floats a row and 1024 rows, and 64 KiB for the rest."""
    server = serve(five_channel_base)
    limit = (64 << 10) + 1024 * 80 * 4
    with grpc.insecure_channel(server.address, [("grpc.max_send_message_length", -1)]) as channel:
        for size in (limit + 1, 4 * MEBIBYTE, 4 * MEBIBYTE + 1, 64 * MEBIBYTE):
            code, details, _ = send(channel, PREDICT, field(99, bytes(size - 5))[:size])
            assert code is Code.RESOURCE_EXHAUSTED
            assert "essage larger than max" in details, details
    with RawStubs(server.address) as stubs:
        most = sample_request(np.arange(1024))
        assert stubs.predict(most).outputs["image"].tensor_shape.dim[0].size == 1024


@pytest.mark.parametrize("method", [PREDICT, METADATA, STATUS, CHECK, WATCH, REFLECTION])
def test_undecodable_messages_are_internal(channel, server, method, caplog):
    for raw in (b"\xff" * 30, b"\x0a\x05x", field(1, b"\xff\xfe")):
        code, details, _ = send(channel, method, raw)
        assert code is Code.INTERNAL and details.startswith("the message is no "), details
    assert "Traceback" not in caplog.text
    name = method.rpartition("/")[2]
    assert counted(server, name, "INTERNAL") >= 3


@pytest.mark.parametrize("method", [RELOAD, CLASSIFY, "/tensorflow.serving.X/Paint", "/", "/a b/é"])
def test_unimplemented_methods(channel, server, method, caplog):
    services = (prediction_service_pb2, model_service_pb2)
    known = any(
        f"/{service.full_name}/" in method
        for file in services
        for service in file.DESCRIPTOR.services_by_name.values()
    )
    label = method.rpartition("/")[2] if known else "unknown"
    before = counted(server, label, "UNIMPLEMENTED")
    for raw in (b"", b"\xff" * 30, bytes(MEBIBYTE)):
        assert send(channel, method, raw)[0] is Code.UNIMPLEMENTED
    assert counted(server, label, "UNIMPLEMENTED") == before + 3
    assert "Traceback" not in caplog.text


def test_what_strangers_send_is_a_line_a_minute(serve, toy_base, caplog):
    server = serve(toy_base)
    caplog.clear()
    with grpc.insecure_channel(server.address) as channel:
        for _ in range(20):
            send(channel, PREDICT, b"\xff" * 30)
            send(channel, CLASSIFY, b"")
    lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert lines == [
        "a message of 30 bytes is no tensorflow.serving.PredictRequest",
        "a call asked for a method there is not",
    ]


def test_a_call_without_a_message(channel):
    """As a client that closes its stream at once."""
    expected = (Code.INTERNAL, "the call has no message")
    for method in (PREDICT, STATUS, CHECK):
        assert refusal(channel.stream_unary(method), iter(()), timeout=20) == expected
    watch = channel.stream_stream(WATCH)
    assert refusal(lambda: list(watch(iter(()), timeout=20))) == expected


def test_metadata_is_bounded(channel):
    for metadata in ([("key", "v" * 100_000)], [(f"key{i}", "v") for i in range(5000)]):
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(CHECK)(b"", metadata=metadata, timeout=20)
        assert caught.value.code() in {Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE}


def test_health_is_watched_through_the_gate(channel):
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


def counted(server, signature, code):
    labels = {"signature": signature, "code": code}
    return server.metrics.registry.get_sample_value("glow_serving_requests_total", labels) or 0


def test_calls_without_a_message_do_not_fill_the_server_for_ever(serve, toy_base, monkeypatch):
    monkeypatch.setattr("serving.embedded.server._MAX_CALLS", 20)
    monkeypatch.setattr("serving.embedded.request_gate._MESSAGE_SECONDS", 1.0)
    address = serve(toy_base).address
    over = threading.Event()

    def nothing():
        over.wait(30)
        yield b""

    with grpc.insecure_channel(address) as channel, RawStubs(address) as stubs:
        idle = [channel.stream_unary(PREDICT).future(nothing(), timeout=30) for _ in range(30)]
        while sum(call.done() for call in idle) < 10:  # Too many.
            time.sleep(0.02)
        code, details = refusal(lambda: stubs.predict(sample_request(), timeout=10))
        assert (code, details) == (
            Code.RESOURCE_EXHAUSTED,
            "20 calls are under way, try again later",
        )
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        codes = sorted(call.code().name for call in idle)
        assert codes == ["DEADLINE_EXCEEDED"] * 20 + ["RESOURCE_EXHAUSTED"] * 10
        stubs.predict(sample_request(), timeout=10)
        over.set()
