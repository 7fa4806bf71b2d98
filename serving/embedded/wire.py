"""Looks at a message's bytes before protocol buffers decode them.

Decoding holds Python's lock from the first byte to the last, a microsecond a field: a few megabytes
of empty fields would hold everybody up for seconds. Bytes alone, such as an array's, cost nothing
of the kind. So fields are counted here first, and counting ends at the limit.
"""

import functools
from collections.abc import Mapping

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError

from serving.embedded.limits import RequestLimits
from serving.embedded.request_checks import invalid_argument

_VARINT, _FIXED64, _BYTES, _START_GROUP, _END_GROUP, _FIXED32 = range(6)
_FIXED_SIZES = {
    FieldDescriptor.TYPE_FLOAT: 4,
    FieldDescriptor.TYPE_FIXED32: 4,
    FieldDescriptor.TYPE_SFIXED32: 4,
    FieldDescriptor.TYPE_DOUBLE: 8,
    FieldDescriptor.TYPE_FIXED64: 8,
    FieldDescriptor.TYPE_SFIXED64: 8,
}
_TEXTS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


def check_wire(raw: bytes, kind: Descriptor, limits: RequestLimits) -> None:
    """Counts the fields and packed numbers of a message, down to the limits and no further.

    Args:
      raw: The message as it came.
      kind: What message it should be.
      limits: The most fields and numbers that it may have; its bytes have been compared before.

    Raises:
      RequestError: INVALID_ARGUMENT, if there are more.
      DecodeError: If these bytes are no message at all.
    """
    fields = values = 0
    place = 0
    # The messages that `place` is inside of: where each ends, and what its fields are. A group,
    # which only unknown fields are, ends at its mark and has no fields that are known.
    inside: list[tuple[int, Mapping[int, FieldDescriptor]]] = [(len(raw), _fields(kind))]
    groups = 0
    while True:
        end, known = inside[-1]
        if place == end:
            if groups:
                raise DecodeError("a group is not closed")
            inside.pop()
            if not inside:
                return
            continue
        fields += 1
        if fields > limits.max_fields:
            raise invalid_argument(
                f"the message has more than {limits.max_fields} fields, which no request of "
                "`max_request_rows` rows needs; arrays belong into tensor_content"
            )
        tag, place = _varint(raw, place, end)
        wire_type = tag & 7
        if wire_type == _BYTES:
            size, place = _varint(raw, place, end)
            if size > end - place:
                raise DecodeError("a field is longer than its message")
            field = None if groups else known.get(tag >> 3)
            if field is None or field.type in _TEXTS:
                place += size
            elif field.message_type is not None:
                inside.append((place + size, _fields(field.message_type)))
            else:
                values += _count(raw, place, size, field)
                if values > limits.max_values:
                    raise invalid_argument(
                        f"the message has more than {limits.max_values} numbers, which no request "
                        "of `max_request_rows` rows needs"
                    )
                place += size
        elif wire_type == _VARINT:
            _, place = _varint(raw, place, end)
        elif wire_type in (_FIXED32, _FIXED64):
            place += 4 if wire_type == _FIXED32 else 8
            if place > end:
                raise DecodeError("a field is longer than its message")
        elif wire_type == _START_GROUP:
            groups += 1
        elif wire_type == _END_GROUP and groups:
            groups -= 1
        else:
            raise DecodeError(f"there is no wire type {wire_type} here")


@functools.cache
def _fields(kind: Descriptor) -> Mapping[int, FieldDescriptor]:
    return dict(kind.fields_by_number)


def _varint(raw: bytes, place: int, end: int) -> tuple[int, int]:
    """The number at `place`, and the place behind it."""
    value = shift = 0
    for at in range(place, min(end, place + 10)):
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7
    raise DecodeError("a number does not end")


def _count(raw: bytes, place: int, size: int, field: FieldDescriptor) -> int:
    """The numbers in a packed field."""
    each = _FIXED_SIZES.get(field.type)
    if each:
        return size // each
    # A number's last byte is the one below 128.
    return int(np.count_nonzero(np.frombuffer(raw, np.int8, size, place) >= 0))
