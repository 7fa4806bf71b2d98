"""Arrays as the JSON of an answer, as TF Serving writes it (`util/json_tensor.cc`)."""

import base64
import json
from collections.abc import Mapping, Sequence

import numpy as np

# A string tensor whose name ends so is written as base64.
_BYTES_SUFFIX = "_bytes"
_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
# Digits that tell any two numbers apart.
_DIGITS = {np.dtype(np.float32): 9, np.dtype(np.float64): 17}


def rows_json(outputs: Mapping[str, np.ndarray]) -> bytes:
    """`{"predictions": [...]}`: an object a row, or the value alone where there is one output."""
    names = list(outputs)
    written = []
    for values in zip(*outputs.values(), strict=True):
        texts = [_json(value, name) for name, value in zip(names, values, strict=True)]
        written.append(_named(dict(zip(names, texts, strict=True))).encode())
    return b'{"predictions": [%s]}' % b", ".join(written)


def columns_json(outputs: Mapping[str, np.ndarray]) -> bytes:
    """`{"outputs": ...}`: an object of tensors, or the tensor alone where there is one."""
    # Row by row, for the lock's sake.
    texts = {
        name: f"[{', '.join(_json(row, name) for row in values)}]"
        for name, values in outputs.items()
    }
    return b'{"outputs": %s}' % _named(texts).encode()


def error_json(message: str) -> bytes:
    """`{"error": message}`."""
    return json.dumps({"error": message}, ensure_ascii=False, indent=4).encode("utf-8", "replace")


def _named(texts: Mapping[str, str]) -> str:
    if len(texts) == 1:
        return next(iter(texts.values()))
    members = (f"{json.dumps(name)}: {text}" for name, text in texts.items())
    return f"{{{', '.join(members)}}}"


def _json(value: np.ndarray, name: str) -> str:
    """One row of the output `name`."""
    array = np.asarray(value)
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        texts = _floats(flat)
    elif array.dtype.kind in "OS":
        as_base64 = name.endswith(_BYTES_SUFFIX)
        texts = [_base64(leaf) if as_base64 else _string(leaf) for leaf in flat.tolist()]
    else:  # JSON's integers and booleans.
        texts = [json.dumps(leaf) for leaf in flat.tolist()]
    return _nested(texts, array.shape)


def _floats(flat: np.ndarray) -> list[str]:
    """Six digits where they are the number's own, else as many as tell it apart; never an integer.

    NaN, Infinity and -Infinity are words, which JSON itself has not.
    """
    numbers = flat.tolist()
    texts = [f"{number:g}" for number in numbers]
    with np.errstate(over="ignore"):
        exact = np.array(list(map(float, texts))).astype(flat.dtype) == flat
    digits = _DIGITS[flat.dtype]
    for place in np.flatnonzero(~exact):
        texts[place] = f"{numbers[place]:.{digits}g}"
    for place in np.flatnonzero((flat == np.trunc(flat)) | ~np.isfinite(flat)):
        text = texts[place]
        texts[place] = _WORDS.get(text) or (text if "e" in text else f"{text}.0")
    return texts


def _nested(texts: Sequence[str], shape: Sequence[int]) -> str:
    """The texts of an array's elements in brackets."""
    for size in reversed(shape):
        count = len(texts) // size if size else 1
        texts = [f"[{', '.join(texts[i * size : (i + 1) * size])}]" for i in range(count)]
    return texts[0]


def _base64(leaf: bytes) -> str:
    return f'{{"b64": "{base64.b64encode(leaf).decode()}"}}'


def _string(leaf: bytes) -> str:
    return json.dumps(leaf.decode("utf-8", "replace"), ensure_ascii=False)
