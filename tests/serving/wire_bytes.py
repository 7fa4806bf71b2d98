"""Protocol buffers' wire format by hand, for messages that no library writes."""


def varint(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number_: int, content: bytes) -> bytes:
    """A field of bytes, a text or a message."""
    return varint(number_ << 3 | 2) + varint(len(content)) + content


def number(number_: int, value: int) -> bytes:
    """A field of one number."""
    return varint(number_ << 3) + varint(value)
