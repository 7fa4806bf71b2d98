import numpy as np
import pytest
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2

from serving.embedded.limits import RequestLimits
from serving.embedded.request_checks import RequestError
from serving.embedded.wire import check_wire
from tests.serving.raw_calls import sample_request
from tests.serving.wire_bytes import field, number

KIND = predict_pb2.PredictRequest.DESCRIPTOR
LIMITS = RequestLimits(max_bytes=1 << 20, max_fields=100, max_values=50)
INPUT, DIMENSION = 2, 2


def check(raw):
    check_wire(raw, KIND, LIMITS)


def in_tensor(content):
    return field(INPUT, field(2, content))


@pytest.mark.parametrize(
    "one",
    [
        field(INPUT, b""),
        field(1, b""),
        field(3, b""),
        field(99, b"unknown"),
        number(99, 1),
        b"\x9d\x06abcd",  # A fixed32 that nobody knows.
        b"\x99\x06abcdefgh",
        b"\x9b\x06\x9c\x06",  # A group.
    ],
    ids=["input", "model_spec", "output_filter", "bytes", "varint", "fixed32", "fixed64", "group"],
)
def test_fields_of_each_kind_are_counted(one):
    check(one * 40)
    with pytest.raises(RequestError, match="more than 100 fields"):
        check(one * 101)


@pytest.mark.parametrize(
    "one",
    [
        field(2, field(DIMENSION, b"")),
        field(8, b"text"),
        number(7, 1),  # int_val, which is not packed here.
        field(15, field(3, b"")),
    ],
    ids=["dim", "string_val", "int_val", "variant_val"],
)
def test_fields_inside_messages_are_counted(one):
    check(in_tensor(one * 30))
    with pytest.raises(RequestError, match="more than 100 fields"):
        check(in_tensor(one * 101))


@pytest.mark.parametrize("number_", [5, 6, 7, 10, 11, 13, 16, 17])
def test_packed_numbers_are_counted(number_):
    size = {5: 4, 6: 8}.get(number_, 1)
    check(in_tensor(field(number_, bytes(50 * size))))
    with pytest.raises(RequestError, match="more than 50 numbers"):
        check(in_tensor(field(number_, bytes(30 * size)) * 2))


def test_bytes_cost_nothing():
    check(in_tensor(field(4, bytes(10**6))))
    # A number of two bytes is one.
    check(in_tensor(field(7, b"\xff\x01" * 50)))


def test_deep_messages_are_no_recursion():
    """variant_val holds tensors, which hold variant_val."""
    raw = b""
    for _ in range(3000):
        raw = field(15, field(3, raw))
    deep = RequestLimits(1 << 20, 10_000, 0)
    check_wire(in_tensor(raw), KIND, deep)
    with pytest.raises(RequestError):
        check(in_tensor(raw))


def test_it_ends_at_the_limit():
    """What comes behind is not looked at, be it ever so much."""
    with pytest.raises(RequestError):
        check(field(INPUT, b"") * 101 + b"\xff" * 20)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff" * 20,
        b"\x12",
        b"\x12\x05a",
        field(INPUT, b"\x0a\x09x"),  # The name is longer than its entry.
        b"\x0d\x00",
        b"\x0f",
        b"\x0c",
        b"\x0b",
    ],
)
def test_what_is_no_message(raw):
    with pytest.raises(DecodeError):
        check(raw)
    with pytest.raises(DecodeError):
        predict_pb2.PredictRequest.FromString(raw)


def test_it_refuses_nothing_that_decodes():
    generator = np.random.default_rng(0)
    good = sample_request().SerializeToString(deterministic=True)
    check(good)
    refused = 0
    for _ in range(3000):
        spoilt = bytearray(good)
        for place in generator.integers(0, len(good), generator.integers(1, 5)):
            spoilt[place] = generator.integers(0, 256)
        raw = bytes(spoilt)
        try:
            check(raw)
        except DecodeError:
            refused += 1
            with pytest.raises(DecodeError):
                predict_pb2.PredictRequest.FromString(raw)
        except RequestError:
            continue
    assert refused > 100
