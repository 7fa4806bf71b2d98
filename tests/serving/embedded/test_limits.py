import threading

import grpc
import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.embedded.limits import SMALL_BYTES, BytesInFlight, RequestLimits, array_row_bytes
from serving.embedded.request_checks import RequestError, Signature

ANY = 1 << 40


def info(dtype, *shape):
    tensor = meta_graph_pb2.TensorInfo(dtype=dtype)
    tensor.tensor_shape.SetInParent()
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


FLOAT, UINT8, INT64 = types_pb2.DT_FLOAT, types_pb2.DT_UINT8, types_pb2.DT_INT64
IMAGE, LATENT = info(UINT8, -1, 8, 8, 3), info(FLOAT, -1, 192)
ENCODE = Signature("encode", {"image": IMAGE}, {"latent": LATENT})
DECODE = Signature("decode", {"latent": LATENT}, {"image": IMAGE})
SAMPLE = Signature(
    "sample", {"seed": info(INT64, -1), "temperature": info(FLOAT, -1)}, {"image": IMAGE}
)
ENCODE_BYTES = Signature("encode_bytes", {"image_bytes": info(types_pb2.DT_STRING, -1)}, {})


@pytest.mark.parametrize(
    ("signatures", "row_bytes"),
    [
        ([ENCODE], 2 * 192),
        ([DECODE], 4 * 192),
        ([SAMPLE], 10 + 4),
        ([ENCODE, DECODE, SAMPLE], 4 * 192),
        # A file of as many bytes as the largest tensor, its own headers beside it.
        ([ENCODE_BYTES, DECODE], 4 * 192 + (64 << 10)),
    ],
)
def test_bytes_follow_the_largest_signature(signatures, row_bytes):
    limits = RequestLimits.of_model(signatures, 100, ANY)
    assert limits.max_bytes == SMALL_BYTES + 100 * row_bytes


def test_the_ceiling_holds_in_any_case():
    assert RequestLimits.of_model([DECODE], 10**6, 1 << 20).max_bytes == 1 << 20
    unknown = Signature("x", {"x": info(FLOAT, -1, -1)}, {})
    assert RequestLimits.of_model([unknown], 1, 1 << 20).max_bytes == 1 << 20
    any_rank = meta_graph_pb2.TensorInfo(dtype=FLOAT)
    any_rank.tensor_shape.unknown_rank = True
    assert RequestLimits.of_model([Signature("x", {"x": any_rank}, {})], 1, 99).max_values == 99
    assert RequestLimits.of_model([], 7, 1 << 20).max_bytes == 1 << 20


def test_numbers_and_fields_follow_the_rows():
    few, many = (RequestLimits.of_model([DECODE], rows, ANY) for rows in (1, 101))
    assert many.max_values - few.max_values == 100 * 192
    assert many.max_fields - few.max_fields == 100


def test_bytes_of_a_row():
    assert array_row_bytes({"image": IMAGE, "latent": LATENT, "log_prob": info(FLOAT, -1)}) == (
        192 + 4 * 192 + 4
    )
    assert array_row_bytes({"x": info(FLOAT, -1, -1)}) == np.inf


def test_bytes_in_flight_are_bounded():
    flight = BytesInFlight(100)
    with flight.hold(60), flight.hold(40):
        assert flight.is_full
        with pytest.raises(RequestError, match="100 of `max_bytes_in_flight` = 100") as caught:
            flight.hold(1).__enter__()
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert not flight.is_full
    with flight.hold(1000):  # Alone, it is let in.
        assert flight.is_full
    with flight.hold(100):
        pass


def test_what_is_held_comes_back_from_every_thread():
    flight = BytesInFlight(10)

    def hold():
        for _ in range(2000):
            try:
                with flight.hold(3):
                    pass
            except RequestError:
                continue

    threads = [threading.Thread(target=hold) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with flight.hold(10):
        assert flight.is_full
    assert not flight.is_full
