"""How large a request of a model may be, and how much of all requests is held at one time.

Both protocols ask here: gRPC's messages and REST's bodies.
"""

import contextlib
import dataclasses
import math
import threading
from collections.abc import Iterable, Iterator, Mapping

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.embedded.request_checks import Signature, unavailable

Tensors = Mapping[str, meta_graph_pb2.TensorInfo]

# What a request may have beside its rows' values: names, the model_spec, the output_filter.
SMALL_BYTES = 64 << 10
_SMALL_FIELDS = 4096
# What a picture's file may have beside its pixels: a colour profile, a thumbnail, its own headers.
_FILE_BYTES = 64 << 10

# Bytes of one element as an array; a string is counted apart.
_ARRAY_BYTES = {
    types_pb2.DT_BOOL: 1,
    types_pb2.DT_UINT8: 1,
    types_pb2.DT_INT8: 1,
    types_pb2.DT_INT16: 2,
    types_pb2.DT_INT32: 4,
    types_pb2.DT_FLOAT: 4,
}
# Bytes of one element in a proto's field of values, where that is more: a uint8 above 127 takes
# two, and a negative integer ten.
_FIELD_BYTES = {types_pb2.DT_UINT8: 2} | dict.fromkeys(
    (types_pb2.DT_INT8, types_pb2.DT_INT16, types_pb2.DT_INT32, types_pb2.DT_INT64), 10
)

# Characters of a number in JSON at its longest, with an indentation before it.
_JSON_CHARACTERS = 32


@dataclasses.dataclass(frozen=True)
class RequestLimits:
    """What `max_rows` rows of a model's largest signature need, and a little.

    Numbers are counted as protocol buffers write them at their longest.
    """

    # Bytes of a PredictRequest.
    max_bytes: int
    # Its fields, those of messages inside it among them.
    max_fields: int
    # The numbers in all of its packed fields together.
    max_values: int

    @classmethod
    def small(cls) -> "RequestLimits":
        """Those of a message without tensors."""
        return cls(SMALL_BYTES, _SMALL_FIELDS, _SMALL_FIELDS)

    @classmethod
    def of_model(
        cls, signatures: Iterable[Signature], max_rows: int, ceiling: int
    ) -> "RequestLimits":
        """The limits for a model.

        Args:
          signatures: All that it has; none while there is no model.
          max_rows: The most rows in a request.
          ceiling: The most bytes, whatever the model would take.
        """
        signatures = list(signatures)
        if not signatures:  # Nothing is known yet.
            return cls(ceiling, _SMALL_FIELDS + max_rows, ceiling)
        picture = max(_picture_bytes(signature) for signature in signatures)
        row_bytes = max(_row_bytes(s.inputs, picture, _FIELD_BYTES) for s in signatures)
        row_values = max(_row_values(s.inputs) for s in signatures)
        return cls(
            int(min(ceiling, SMALL_BYTES + max_rows * row_bytes)),
            _SMALL_FIELDS + max_rows,
            # No number takes less than a byte.
            int(min(ceiling, _SMALL_FIELDS + max_rows * row_values)),
        )


def array_row_bytes(tensors: Tensors) -> float:
    """The bytes of one row of a signature's inputs or outputs as arrays.

    Infinite if a shape does not say it; a string counts as a picture's file of a usual size.
    """
    return _row_bytes(tensors, _FILE_BYTES, {})


def json_row_characters(signatures: Iterable[Signature]) -> float:
    """The characters that JSON takes for a row of the largest of some signatures."""
    signatures = list(signatures)
    picture = max((_picture_bytes(signature) for signature in signatures), default=0.0)
    largest = max((_row_characters(s.inputs, picture) for s in signatures), default=0.0)
    return SMALL_BYTES + largest


def _row_characters(tensors: Tensors, picture: float) -> float:
    total = 0.0
    for info in tensors.values():
        # Three bytes are four characters of base64.
        each = picture * 4 / 3 if info.dtype == types_pb2.DT_STRING else _JSON_CHARACTERS
        total += each * _elements(info)
    return total


class BytesInFlight:
    """Bounds what all requests hold at one time, in bytes; for any thread."""

    def __init__(self, limit: int):
        """Holds nothing yet; `limit` is the most that it lets be held at the same time."""
        self._limit = limit
        self._held = 0.0
        self._lock = threading.Lock()

    @property
    def is_full(self) -> bool:
        """Whether not a byte more is taken."""
        return self._held >= self._limit

    @contextlib.contextmanager
    def hold(self, size: float) -> Iterator[None]:
        """Counts `size` bytes while inside the `with`.

        Raises:
          RequestError: UNAVAILABLE, if that is too much beside what is held. What is alone is taken
            whatever its size: it has limits of its own.
        """
        with self._lock:
            if self._held and self._held + size > self._limit:
                raise unavailable(
                    f"the requests under way hold {self._held:.0f} of `max_bytes_in_flight` = "
                    f"{self._limit} bytes; {size:.0f} more are too many, try again later"
                )
            self._held += size
        try:
            yield
        finally:
            with self._lock:
                self._held -= size


def _row_bytes(tensors: Tensors, picture: float, bytes_each: Mapping[int, int]) -> float:
    total = 0.0
    for info in tensors.values():
        if info.dtype == types_pb2.DT_STRING:
            each = picture
        else:
            each = bytes_each.get(info.dtype, _ARRAY_BYTES.get(info.dtype, 8))
        total += each * _elements(info)
    return total


def _row_values(tensors: Tensors) -> float:
    return sum(_elements(info) for info in tensors.values())


def _picture_bytes(signature: Signature) -> float:
    """The most that a picture's file takes if pixels are not compressed at all."""
    sizes = [
        _row_bytes({name: info}, 0.0, {})
        for tensors in (signature.inputs, signature.outputs)
        for name, info in tensors.items()
    ]
    return _FILE_BYTES + max(sizes, default=0.0)


def _elements(info: meta_graph_pb2.TensorInfo) -> float:
    """The elements of one row; infinite if the shape does not say it."""
    shape = info.tensor_shape
    if shape.unknown_rank:
        return math.inf
    sizes = [dim.size for dim in shape.dim[1:]]
    return math.inf if min(sizes, default=0) < 0 else float(math.prod(sizes))
