"""TensorProto to and from NumPy, with protocol buffers and NumPy alone.

`tf.make_ndarray` and `Tensor::FromProto` believe what a proto declares: 21 bytes can ask for 4 GiB.
Here the shape and the content are compared before anything is allocated.
"""

import math
from collections.abc import Sequence

import numpy as np
from tensorflow.core.framework import tensor_pb2, types_pb2

# A proto may carry fewer values than elements (the last one repeats); beyond this size in bytes
# such a tensor is refused, since no honest client asks for it.
MAX_EXPANDED_BYTES = 64 << 20
# TensorFlow's own limit.
_MAX_DIMENSIONS = 254

# DataType: (NumPy's type, the proto's field of single values).
_KINDS: dict[int, tuple[np.dtype, str]] = {
    types_pb2.DT_FLOAT: (np.dtype(np.float32), "float_val"),
    types_pb2.DT_DOUBLE: (np.dtype(np.float64), "double_val"),
    types_pb2.DT_UINT8: (np.dtype(np.uint8), "int_val"),
    types_pb2.DT_INT8: (np.dtype(np.int8), "int_val"),
    types_pb2.DT_INT16: (np.dtype(np.int16), "int_val"),
    types_pb2.DT_INT32: (np.dtype(np.int32), "int_val"),
    types_pb2.DT_INT64: (np.dtype(np.int64), "int64_val"),
    types_pb2.DT_BOOL: (np.dtype(np.bool_), "bool_val"),
    types_pb2.DT_STRING: (np.dtype(object), "string_val"),
}
_ENUMS = {dtype: enum for enum, (dtype, _) in _KINDS.items()}


class MalformedTensorError(ValueError):
    """A TensorProto whose type, shape and content do not fit together."""


def dtype_name(enum: int) -> str:
    """The name that TensorFlow's messages use: `float`, `double`, `uint8`, `string`, …"""
    try:
        return types_pb2.DataType.Name(enum).removeprefix("DT_").lower()
    except ValueError:  # An enum of a newer or a broken client.
        return f"type {enum}"


def to_proto(array: np.ndarray) -> tensor_pb2.TensorProto:
    """`array` as a proto; numbers travel as `tensor_content`, 80 times as fast as typed fields.

    Raises:
      ValueError: If the array's type is no tensor's.
    """
    proto = tensor_pb2.TensorProto()
    write_proto(array, proto)
    return proto


def write_proto(array: np.ndarray, proto: tensor_pb2.TensorProto) -> None:
    """The same into an empty proto that is there, such as a message's own.

    Raises:
      ValueError: If the array's type is no tensor's.
    """
    array = np.asarray(array)
    strings = array.dtype.kind in "OSU"
    enum = types_pb2.DT_STRING if strings else _ENUMS.get(array.dtype)
    if enum is None:
        raise ValueError(f"an array of {array.dtype} has no tensor type here")
    proto.dtype = enum
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if strings:
        flat = array.reshape(-1).tolist()
        proto.string_val.extend(v.encode() if isinstance(v, str) else v for v in flat)
    else:
        proto.tensor_content = array.tobytes()


def declared_shape(proto: tensor_pb2.TensorProto) -> tuple[int, ...]:
    """The shape that a proto declares, before anything of that size exists.

    Raises:
      MalformedTensorError: If a dimension is missing or negative, or there are too many.
    """
    if len(proto.tensor_shape.dim) > _MAX_DIMENSIONS:
        raise MalformedTensorError(
            f"declares {len(proto.tensor_shape.dim)} dimensions, more than {_MAX_DIMENSIONS}"
        )
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or min(shape, default=0) < 0:
        raise MalformedTensorError(f"declares the shape {list(shape)}, which is not fully defined")
    return shape


def to_array(proto: tensor_pb2.TensorProto, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The proto's array; numbers in `tensor_content` are viewed, not copied, and read-only.

    Args:
      proto: The tensor.
      shape: What `declared_shape` gave for it, if that is known already.

    Raises:
      MalformedTensorError: If the content does not fit the declared type and shape.
    """
    shape = declared_shape(proto) if shape is None else shape
    if proto.dtype not in _KINDS:
        raise MalformedTensorError(f"has the type {dtype_name(proto.dtype)}, which is unsupported")
    dtype, field = _KINDS[proto.dtype]
    elements = math.prod(shape)
    if proto.tensor_content:
        if dtype.hasobject or len(proto.tensor_content) != elements * dtype.itemsize:
            raise MalformedTensorError(
                f"declares {list(shape)} of {dtype_name(proto.dtype)}, "
                f"with {len(proto.tensor_content)} bytes of content"
            )
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    return _from_values(getattr(proto, field), dtype, shape, elements)


def _from_values(
    values: Sequence, dtype: np.dtype, shape: tuple[int, ...], elements: int
) -> np.ndarray:
    if len(values) > elements:
        raise MalformedTensorError(f"declares {list(shape)}, with {len(values)} values")
    if len(values) < elements and elements * dtype.itemsize > MAX_EXPANDED_BYTES:
        raise MalformedTensorError(
            f"declares {list(shape)}, {elements * dtype.itemsize} bytes, with {len(values)} values"
        )
    blank = b"" if dtype.hasobject else 0
    try:
        # TensorFlow's rule: the last value repeats, and no value at all means zeros.
        array = np.full(elements, values[-1] if values else blank, dtype)
        array[: len(values)] = np.array(values, dtype)
    except (OverflowError, ValueError) as error:
        raise MalformedTensorError(f"has values outside {dtype}") from error
    return array.reshape(shape)
