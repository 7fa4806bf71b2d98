import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving.tensors import MalformedTensorError, dtype_name, to_array, to_proto

ARRAYS = [
    np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
    np.array([-1, 2**31 - 1], np.int32),
    np.array([-(2**63), 2**63 - 1], np.int64),
    np.array([[0.5, np.nan, np.inf]], np.float32),
    np.array([[0.5, -2.0]]),
    np.array([True, False]),
    np.array([b"\x00\xff", b""], object),
    np.zeros((0, 3), np.float32),
    np.array(7, np.int32),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_agrees_with_tensorflow_in_both_directions(array):
    np.testing.assert_array_equal(tf.make_ndarray(to_proto(array)), array)
    ours = to_array(tf.make_tensor_proto(array))
    np.testing.assert_array_equal(ours, array)
    assert ours.dtype == array.dtype and ours.shape == array.shape


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_reads_typed_fields_as_tf_serving_writes_them(array):
    proto = to_proto(array)
    typed = tensor_pb2.TensorProto(dtype=proto.dtype, tensor_shape=proto.tensor_shape)
    field = {
        types_pb2.DT_UINT8: "int_val",
        types_pb2.DT_INT32: "int_val",
        types_pb2.DT_INT64: "int64_val",
        types_pb2.DT_FLOAT: "float_val",
        types_pb2.DT_DOUBLE: "double_val",
        types_pb2.DT_BOOL: "bool_val",
        types_pb2.DT_STRING: "string_val",
    }[proto.dtype]
    getattr(typed, field).extend(array.reshape(-1).tolist())
    np.testing.assert_array_equal(to_array(typed), array)


def test_the_last_value_repeats_and_none_means_zeros():
    proto = tf.make_tensor_proto(0.7, shape=[3])
    assert len(proto.float_val) == 1
    np.testing.assert_array_equal(to_array(proto), np.full(3, 0.7, np.float32))
    del proto.float_val[:]
    np.testing.assert_array_equal(to_array(proto), np.zeros(3, np.float32))


def _proto(dtype=types_pb2.DT_FLOAT, shape=(2,), **fields):
    proto = tensor_pb2.TensorProto(dtype=dtype, **fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (_proto(tensor_content=b"1234567"), "7 bytes of content"),
        (_proto(shape=(2**31, 2**31), tensor_content=b"1234"), "4 bytes of content"),
        (_proto(shape=(2**30,)), "4294967296 bytes, with 0 values"),
        (_proto(shape=(2**62, 2**62, 2**62), float_val=[1.0]), "with 1 values"),
        (_proto(shape=(-1,)), "not fully defined"),
        (_proto(float_val=[1, 2, 3]), "with 3 values"),
        (_proto(types_pb2.DT_UINT8, int_val=[1, 256]), "values outside uint8"),
        (_proto(types_pb2.DT_STRING, tensor_content=b"12"), "2 bytes of content"),
        (_proto(types_pb2.DT_VARIANT), "type variant"),
        (_proto(types_pb2.DT_INVALID), "type invalid"),
    ],
)
def test_refuses_what_does_not_fit_before_allocating(proto, message):
    with pytest.raises(MalformedTensorError, match=message):
        to_array(proto)


def test_unknown_rank_is_refused():
    proto = _proto(shape=())
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(MalformedTensorError, match="not fully defined"):
        to_array(proto)


def test_names_are_tensorflows():
    names = [dtype_name(e) for e in (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, 12345)]
    assert names == ["float", "double", "type 12345"]


def test_an_array_without_a_tensor_type_is_refused():
    with pytest.raises(ValueError, match="complex64"):
        to_proto(np.zeros(1, np.complex64))
