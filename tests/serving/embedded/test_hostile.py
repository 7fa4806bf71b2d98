"""What strangers send: it is refused by the right code, and the server answers on."""

import collections
import contextlib
import os
import socket
import threading
import time

import grpc
import numpy as np
import pytest
from google.protobuf.message import DecodeError
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2

from serving.client import GlowClient
from serving.embedded.config import BatchingConfig
from serving.tensors import to_array, to_proto
from tests.serving.raw_calls import RawStubs, predict_request, refusal, sample_request
from tests.serving.toy_glow import ToyGlow, toy_latent

pytestmark = pytest.mark.slow

INVALID = grpc.StatusCode.INVALID_ARGUMENT
# What may come of a message that can be read: INTERNAL, a fault of the server's, is not among them.
ANSWERS = {
    grpc.StatusCode.OK,
    INVALID,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
}
PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.fixture(scope="module", params=["batching", "no_batching"])
def server(request, serve_for_module, toy_base):
    batching = BatchingConfig() if request.param == "batching" else None
    return serve_for_module(toy_base, batching=batching)


@pytest.fixture
def stubs(server):
    with RawStubs(server.address) as stubs:
        yield stubs


def assert_answers_on(stubs):
    """A good request gets all that it asks for."""
    answer = stubs.predict(sample_request([1, 2, 3]))
    shapes = {k: [d.size for d in v.tensor_shape.dim] for k, v in answer.outputs.items()}
    assert shapes == {"image": [3, 4, 4, 3], "latent": [3, 48], "valid": [3]}
    assert to_array(answer.outputs["valid"]).all()


def declared(dtype, *shape, **fields):
    proto = tensor_pb2.TensorProto(dtype=dtype, **fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


FLOAT, INT64, UINT8 = types_pb2.DT_FLOAT, types_pb2.DT_INT64, types_pb2.DT_UINT8


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        # A few bytes that declare 4 GiB, or more than can be counted.
        (predict_request("encode", image=declared(UINT8, 2**32, 1, 1, 1)), "not compatible"),
        (predict_request("encode", image=declared(UINT8, 2**26, 4, 4, 3)), "is larger than"),
        (predict_request("encode", image=declared(UINT8, *[2**62] * 4)), "not compatible"),
        (predict_request("decode", latent=declared(FLOAT, 2**40, 48, float_val=[1])), "larger"),
        (
            predict_request(
                "sample", seed=declared(INT64, 2**30), temperature=declared(FLOAT, 2**30)
            ),
            "Task size 1073741824 is larger than maximum input batch size",
        ),
        (predict_request("encode", image=declared(UINT8, -1, 4, 4, 3)), "tensor parsing error"),
        (predict_request("encode", image=declared(UINT8, *[1] * 300)), "300 dimensions"),
        (predict_request("encode", image=declared(UINT8)), "at least one dimension"),
        (predict_request("encode", image=np.zeros((2, 48), np.uint8)), "[2,48] is not compatible"),
        (predict_request("encode", image=np.zeros((2, 4, 4, 1), np.uint8)), "[?,4,4,3]"),
        (sample_request([1, 2, 3], [0.7]), "seed has 3"),
        (sample_request([1], [0.7, 0.7]), "equal 0th-dimension size"),
        (predict_request("encode", image=np.array([b"x"] * 3, object)), "but string is provided"),
        (predict_request("encode", image=declared(999, 1, 4, 4, 3)), "type 999 is provided"),
        (predict_request("encode", image=declared(UINT8, 1, 4, 4, 3, int_val=[-1])), "parsing"),
        (sample_request(label=np.zeros(3, np.int32)), "Sent extra: {label}"),
    ],
)
def test_bad_tensors(stubs, request_, message):
    code, details = refusal(stubs.predict, request_)
    assert code is INVALID and message in details
    assert_answers_on(stubs)


def test_a_repeated_value_of_sane_size_is_answered(stubs):
    request = predict_request(
        "sample",
        seed=np.arange(8),
        temperature=declared(FLOAT, 8, float_val=[0.7]),
    )
    assert stubs.predict(request).outputs["image"].tensor_shape.dim[0].size == 8


def test_a_request_without_rows_is_answered_without_rows(stubs):
    answer = stubs.predict(sample_request([]))
    shapes = {k: [d.size for d in v.tensor_shape.dim] for k, v in answer.outputs.items()}
    assert shapes == {"image": [0, 4, 4, 3], "latent": [0, 48], "valid": [0]}
    assert_answers_on(stubs)


def test_the_loaders_own_signature_is_not_for_clients(stubs):
    request = predict_request("__saved_model_init_op")
    code, details = refusal(stubs.predict, request)
    assert code is grpc.StatusCode.INTERNAL
    assert details.startswith("Expected prediction signature method_name to be one of")
    assert_answers_on(stubs)


def test_too_many_inputs_and_names_of_any_kind(stubs):
    request = sample_request()
    for number in range(1000):
        request.inputs[f"{number}\n\x00é"].dtype = FLOAT
    code, details = refusal(stubs.predict, request)
    assert code is INVALID and details.endswith("...TRUNCATED")
    assert_answers_on(stubs)


def test_messages_beyond_the_limit(stubs):
    request = predict_request("decode", latent=np.zeros((400_000, 48), np.float32))
    assert refusal(stubs.predict, request)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert_answers_on(stubs)


def code_of(call, *args, **kwargs):
    """The code and the details that a call ends with, OK among them."""
    try:
        call(*args, **kwargs)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def test_random_bytes_as_messages(server, stubs):
    generator = np.random.default_rng(1)
    # A map has no order of its own, and the bytes should be the same in every run.
    good = sample_request().SerializeToString(deterministic=True)
    call = stubs.channel.unary_unary(PREDICT)
    seen = collections.Counter()
    for _ in range(200):
        size = int(generator.integers(0, 200))
        if generator.random() < 0.5:
            message = generator.bytes(size)
        else:  # A good message with one to four bytes changed.
            spoilt = bytearray(good)
            for place in generator.integers(0, len(good), generator.integers(1, 5)):
                spoilt[place] = generator.integers(0, 256)
            message = bytes(spoilt)
        code, details = code_of(call, message, timeout=20)
        try:
            predict_pb2.PredictRequest.FromString(message)
        except DecodeError:
            assert code is grpc.StatusCode.INTERNAL, (code, details)
            assert details == "the message is no tensorflow.serving.PredictRequest"
        else:
            assert code in ANSWERS, (code, details)
        seen[code] += 1
    # Changed in a seed alone, a message is still a good one.
    assert seen.keys() >= {grpc.StatusCode.OK, INVALID, grpc.StatusCode.INTERNAL}, seen
    assert_answers_on(stubs)


def test_random_protos(stubs):
    generator = np.random.default_rng(2)
    names = ["seed", "temperature", "image", "latent", "label", ""]
    dtypes = list(types_pb2.DataType.values())
    for _ in range(200):
        request = predict_request(str(generator.choice(["sample", "encode", "decode", ""])))
        for name in generator.choice(names, int(generator.integers(0, 4))):
            sizes = generator.choice([-1, 0, 1, 3, 4, 48, 2**33, 2**63 - 1], 4)
            proto = declared(int(generator.choice(dtypes)), *sizes[: generator.integers(0, 5)])
            if generator.random() < 0.5:
                proto.tensor_content = generator.bytes(int(generator.choice([1, 4, 48, 192])))
            else:
                proto.float_val.extend([np.nan] * int(generator.integers(0, 5)))
            request.inputs[str(name)].CopyFrom(proto)
        assert refusal(stubs.predict, request)[0] is INVALID, request
    assert_answers_on(stubs)


def test_random_bytes_at_the_port(server, stubs):
    generator = np.random.default_rng(3)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for start in (b"", preface, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
        for _ in range(5):
            with (
                socket.create_connection(("127.0.0.1", server.port), 5) as connection,
                contextlib.suppress(OSError),
            ):
                connection.sendall(start + generator.bytes(3000))
    assert_answers_on(stubs)


def test_unknown_methods(stubs):
    for path in ("/tensorflow.serving.PredictionService/Paint", "/x/y", "/"):
        call = stubs.channel.unary_unary(path)
        assert refusal(call, b"", timeout=20)[0] is grpc.StatusCode.UNIMPLEMENTED
    request = predict_pb2.PredictRequest()
    classify = stubs.channel.unary_unary("/tensorflow.serving.PredictionService/Classify")
    code, _ = refusal(classify, request.SerializeToString(), timeout=20)
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert_answers_on(stubs)


def test_hundreds_of_calls_that_never_send_anything(server, stubs):
    """They cost no thread: status and predictions answer beside them."""
    with grpc.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        forever = threading.Event()

        def nothing():
            forever.wait(20)
            yield b""

        call = channel.stream_unary(PREDICT)
        idle = [call.future(nothing(), timeout=20) for _ in range(90)]
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "glow"
        assert stubs.models.GetModelStatus(request, timeout=5).model_version_status
        stubs.predict(sample_request(), timeout=5)
        for one in idle:
            one.cancel()
        forever.set()
    assert_answers_on(stubs)


def outputs(answer):
    return {name: to_array(proto) for name, proto in answer.outputs.items()}


BAD_TEMPERATURES = [-1.0, np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("bad", BAD_TEMPERATURES)
def test_a_bad_row_is_answered_as_tf_serving_does(stubs, bad):
    """The call is OK: the row is not valid and all zeros, the others are as by themselves."""
    answer = outputs(stubs.predict(sample_request([7, 8, 9], [0.7, bad, 0.3])))
    alone = outputs(stubs.predict(sample_request([7, 9], [0.7, 0.3])))
    assert answer["valid"].tolist() == [True, False, True]
    assert alone["valid"].tolist() == [True, True]
    for name in ("image", "latent"):
        np.testing.assert_array_equal(answer[name][[0, 2]], alone[name])
        assert alone[name].any() and not answer[name][1].any()


def test_a_bad_latent_and_a_bad_png_are_answered_too(stubs):
    latents = np.linspace(-1, 1, 3 * 48).astype(np.float32).reshape(3, 48)
    spoilt = latents.copy()
    spoilt[0, 5] = np.nan
    answer = outputs(stubs.predict(predict_request("decode", latent=spoilt)))
    alone = outputs(stubs.predict(predict_request("decode", latent=latents[1:])))
    assert answer["valid"].tolist() == [False, True, True]
    np.testing.assert_array_equal(answer["image"][1:], alone["image"])
    assert not answer["image"][0].any()
    request = sample_request([7, 8], [0.7, -1.0])
    request.model_spec.signature_name = "sample_png"
    first, second = outputs(stubs.predict(request))["image_bytes"]
    assert first.startswith(b"\x89PNG") and second == b""


def test_a_bad_label_is_answered_too(conditional_server):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    with RawStubs(conditional_server.address) as stubs:
        label = np.array([2, 3, -1], np.int32)
        answer = outputs(stubs.predict(predict_request("encode", image=images, label=label)))
    assert answer["valid"].tolist() == [True, False, False]
    np.testing.assert_array_equal(answer["latent"][0], toy_latent(images[:1], label=2)[0])
    for name in ("latent", "log_prob", "bits_per_dim"):
        assert answer[name][0].all() and not answer[name][1:].any()


def test_a_filtered_answer_may_leave_out_what_is_valid(stubs):
    request = sample_request([7, 8], [0.7, -1.0])
    request.output_filter.append("latent")
    answer = outputs(stubs.predict(request))
    assert answer.keys() == {"latent"}
    assert answer["latent"][0].any() and not answer["latent"][1].any()


def test_a_bad_request_in_a_batch_spoils_nobody_elses(serve, toy_base):
    server = serve(toy_base, batching=BatchingConfig(16, 100_000, num_batch_threads=1))
    refused = [
        (predict_request("sample", seed=np.arange(2)), "Missing but required"),
        (predict_request("sample", seed=np.zeros((2, 2)), temperature=np.zeros(2)), "Expects"),
    ]
    not_valid = [sample_request([7, 8], [0.7, -1.0]), sample_request([7], [np.inf])]
    with RawStubs(server.address) as stubs:

        def ask(request):
            return stubs.predictions.Predict.future(request, timeout=20)

        good_requests = [sample_request([10 * n, 10 * n + 1]) for n in range(4)]
        bad_requests = [request for request, _ in refused] + not_valid
        calls = [
            (ask(good), ask(bad)) for good, bad in zip(good_requests, bad_requests, strict=True)
        ]
        for (_, bad), (_, message) in zip(calls[:2], refused, strict=True):
            assert message in bad.exception().details()
            assert bad.code() is INVALID
        valid = [outputs(bad.result())["valid"].tolist() for _, bad in calls[2:]]
        assert valid == [[True, False], [False]]
        for (good, _), request in zip(calls, good_requests, strict=True):
            together, alone = outputs(good.result()), outputs(stubs.predict(request))
            assert together["valid"].all()
            np.testing.assert_array_equal(together["latent"], alone["latent"])


def test_clients_that_leave_are_not_computed_for(serve, tmp_path):
    ToyGlow(work=120).save(tmp_path, 1)
    server = serve(tmp_path, batching=BatchingConfig(64, 0, num_batch_threads=1))
    with RawStubs(server.address) as stubs:
        running = stubs.predictions.Predict.future(sample_request(range(8)), timeout=30)
        time.sleep(0.05)
        late = [
            stubs.predictions.Predict.future(sample_request(range(32)), timeout=0.05)
            for _ in range(5)
        ]
        assert {future.exception().code() for future in late} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        left = [stubs.predictions.Predict.future(sample_request(range(32))) for _ in range(5)]
        for future in left:
            future.cancel()
        running.result()
        started = time.monotonic()
        stubs.predict(sample_request([1]))
        alone = time.monotonic() - started
    ran = server.metrics.registry.get_sample_value(
        "glow_serving_batch_rows_sum", {"signature": "sample"}
    )
    assert ran == 8 + 1, (ran, alone)


def test_a_deadline_stops_the_graph(serve, tmp_path):
    ToyGlow(work=4000).save(tmp_path, 1)
    server = serve(tmp_path)
    with RawStubs(server.address) as stubs:
        code, _ = refusal(stubs.predict, sample_request(range(8)), timeout=0.3)
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        # Run to its end, it would take minutes; stopping would have to wait for it.
        started = time.monotonic()
        assert server.stop(10)
        assert time.monotonic() - started < 5


def test_the_queue_is_bounded(serve, tmp_path):
    ToyGlow(work=60).save(tmp_path, 1)
    server = serve(tmp_path, max_waiting_requests=4)
    with RawStubs(server.address) as stubs:
        calls = [
            stubs.predictions.Predict.future(sample_request(range(8)), timeout=30)
            for _ in range(12)
        ]
        codes = [future.code() for future in calls]
    assert codes.count(grpc.StatusCode.OK) >= 4
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}


def test_memory_does_not_grow_with_bad_requests(server, stubs):
    huge = sample_request()
    huge.inputs["seed"].CopyFrom(to_proto(np.zeros(500_000, np.int64)))

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

    def spoil(times):
        for _ in range(times):
            assert refusal(stubs.predict, huge)[0] is INVALID

    spoil(20)
    before = resident()
    spoil(60)
    # 240 MB were sent; the server looks each second whether there is something to give back, and
    # the allocator may keep some of it (65 MB were seen).
    deadline = time.monotonic() + 10
    while resident() - before >= 120 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert resident() - before < 120
    assert_answers_on(stubs)


def test_two_servers_do_not_share_a_port(server, serve, toy_base):
    with pytest.raises(ValueError, match="is the port taken"):
        serve(toy_base, port=server.port)


def test_the_client_survives_a_hundred_connections(server):
    for _ in range(100):
        with GlowClient(server.address) as client:
            client.status()
