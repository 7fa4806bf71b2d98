"""A REST request's body as arrays, by the rules of TF Serving (`util/json_tensor.cc`)."""

import base64
import binascii
import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.embedded.request_checks import RequestError, Signature, invalid_argument
from serving.embedded.rest_json import JsonWalker, parse_error
from serving.tensors import dtype_name

# The two forms of a request: a list of rows, or a tensor an input.
ROWS, COLUMNS = "instances", "inputs"

_INTEGERS: dict[int, type[np.signedinteger[Any] | np.unsignedinteger[Any]]] = {
    types_pb2.DT_UINT8: np.uint8,
    types_pb2.DT_INT8: np.int8,
    types_pb2.DT_INT16: np.int16,
    types_pb2.DT_INT32: np.int32,
    types_pb2.DT_INT64: np.int64,
}
_FLOATS = {types_pb2.DT_FLOAT: np.float32, types_pb2.DT_DOUBLE: np.float64}
# The largest integer that each holds without loss.
_MAX_WHOLE = {types_pb2.DT_FLOAT: 2**24 - 1, types_pb2.DT_DOUBLE: 2**53 - 1}
# What of a value an error shows; TF Serving shows all of it.
_LONGEST_SHOWN = 256

_Tensors = Mapping[str, meta_graph_pb2.TensorInfo]


@dataclasses.dataclass(frozen=True)
class RestRequest:
    """A request: the signature that it asks for, its form, and the signature's inputs."""

    signature: Signature
    # ROWS or COLUMNS.
    form: str
    inputs: dict[str, np.ndarray]


def read_request(
    body: bytes, signature_of: Callable[[str], Signature], longest: int, max_rows: int
) -> RestRequest:
    """Parses a body row by row; each becomes an array before the next is looked at.

    (Lists of a million lists would wait for Python's garbage collector, and everybody with them.)

    Args:
      body: UTF-8.
      signature_of: The signature by its name, empty for the default.
      longest: The most characters of one row.
      max_rows: The most rows.

    Raises:
      RequestError: INVALID_ARGUMENT, if it is no JSON, no request, or does not fit the signature.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise parse_error("Invalid encoding in string.", error.start) from None
    signature = signature_of(_signature_name(text, longest, max_rows))
    walker = JsonWalker(text, longest, max_rows)
    read: tuple[str, dict[str, np.ndarray]] | None = None
    for name in walker.members():
        if name not in (ROWS, COLUMNS) or (read and read[0] == name):
            walker.skip()
        elif read:
            raise _two_forms(text)
        elif name == ROWS:
            read = ROWS, _read_rows(walker, text, signature.inputs)
        else:
            read = COLUMNS, _read_columns(walker, signature.inputs)
    walker.end()
    if not read:
        raise invalid_argument("Missing 'inputs' or 'instances' key")
    return RestRequest(signature, *read)


def _signature_name(text: str, longest: int, max_rows: int) -> str:
    """The signature's name, which may come behind all values."""
    walker = JsonWalker(text, longest, max_rows)
    if not walker.peek():
        raise parse_error("The document is empty")
    if walker.peek() != "{":
        walker.skip()
        walker.end()
        raise invalid_argument(f"JSON Value: {_shown_text(text)} Is not object")
    names = set()
    for name in walker.members():
        names.add(name)
        if name != "signature_name":
            walker.skip()
            continue
        value = walker.value()
        if not isinstance(value, str):
            raise invalid_argument(
                f"JSON Value: {_shown_text(text)} not formatted correctly. 'signature_name' key "
                "must be a string value."
            )
        return value
    walker.end()
    if names >= {ROWS, COLUMNS}:
        raise _two_forms(text)
    return ""


def _two_forms(text: str) -> RequestError:
    return invalid_argument(
        f"JSON Value: {_shown_text(text)} Not formatted correctly expecting only one of "
        f"'{COLUMNS}' or '{ROWS}' keys to exist "
    )


def _read_rows(walker: JsonWalker, text: str, tensors: _Tensors) -> dict[str, np.ndarray]:
    if walker.peek() != "[":
        walker.skip()
        # TF Serving's own spelling.
        raise invalid_argument(
            f"JSON Value: {_shown_text(text)} Excepting '{ROWS}' to be an list/array"
        )
    rows = _Rows(tensors)
    walker.elements(lambda: rows.add(walker.value()))
    if not rows.count:
        raise invalid_argument(f"JSON Value: {_shown_text(text)} No values in '{ROWS}' array")
    return rows.arrays()


class _Rows:
    """The rows of a request so far."""

    def __init__(self, tensors: _Tensors):
        self._tensors = tensors
        self._columns: dict[str, list[np.ndarray]] = {name: [] for name in tensors}
        # Whether rows are objects, by the first of them.
        self._named = False
        self.count = 0

    def add(self, row: Any) -> None:
        """Appends a row, an object of values by their names, or the value of the only input."""
        if not self.count:
            if not isinstance(row, dict) and len(self._tensors) > 1:
                raise invalid_argument(
                    "instances is a plain list, but expecting list of objects as multiple input "
                    "tensors required as per tensorinfo_map"
                )
            self._named = _is_named(row)
        if _is_named(row) != self._named:
            raise invalid_argument(
                f"Expecting object but got list at item {self.count} of input list"
                if self._named
                else f"Expecting value/list but got object at item {self.count} of input list"
            )
        for name, value in (row if self._named else {next(iter(self._tensors)): row}).items():
            try:
                self._add_value(name, value)
            except RequestError as error:
                key = f" key: {name}" if self._named else ""
                raise invalid_argument(
                    f"Failed to process element: {self.count}{key} of 'instances' list. "
                    f"Error: INVALID_ARGUMENT: {error.message}"
                ) from None
        if self._named and row.keys() != self._tensors.keys():
            raise invalid_argument(
                f"Failed to process element: {self.count} of 'instances' list. JSON object: "
                f"{_shown(row)} keys must be equal to: {','.join(sorted(self._tensors))}"
            )
        self.count += 1

    def arrays(self) -> dict[str, np.ndarray]:
        """The columns."""
        return {name: np.stack(arrays) for name, arrays in self._columns.items()}

    def _add_value(self, name: str, value: Any) -> None:
        if name not in self._tensors:
            raise invalid_argument(f"JSON object: does not have named input: {name}")
        array = _to_array(value, self._tensors[name].dtype)
        column = self._columns[name]
        first = column[0] if column else array
        if array.size != first.size:
            raise invalid_argument(f"Expecting tensor size: {first.size} but got: {array.size}")
        if array.shape != first.shape:
            raise invalid_argument(
                f"Expecting shape {_listed(first.shape)} but got: {_listed(array.shape)}"
            )
        column.append(array)


def _read_columns(walker: JsonWalker, tensors: _Tensors) -> dict[str, np.ndarray]:
    only = next(iter(tensors)) if len(tensors) == 1 else None
    arrays: dict[str, np.ndarray] = {}
    if walker.peek() != "{":
        if only is None:
            walker.skip()
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        return {only: _read_column(walker, tensors[only].dtype)}
    encoded: Any = {}
    for name in walker.members():
        if name in tensors and name not in arrays:
            arrays[name] = _read_column(walker, tensors[name].dtype)
        elif name == "b64":
            encoded = {name: walker.value()}
        else:
            walker.skip()
    if only is not None and not arrays and _is_base64(encoded):
        return {only: _to_array(encoded, tensors[only].dtype)}
    for name in tensors:
        if name not in arrays:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    return arrays


def _read_column(walker: JsonWalker, dtype: int) -> np.ndarray:
    if walker.peek() != "[":
        return _to_array(walker.value(), dtype)
    arrays: list[np.ndarray] = []
    # By the first row; how many there will be is not known yet.
    shape: list[int] = []

    def add() -> None:
        row = walker.value()
        if not arrays:
            shape[:] = [-1, *_declared_shape(row)]
        try:
            array = _to_array(row, dtype)
        except RequestError as error:
            raise _first_misfit(row, 1, shape, dtype) or error from None
        if array.shape != tuple(shape[1:]):
            raise _first_misfit(row, 1, shape, dtype) or parse_error("Invalid value.")
        arrays.append(array)

    walker.elements(add)
    return np.stack(arrays) if arrays else _to_array([], dtype)


def _to_array(value: Any, dtype: int) -> np.ndarray:
    """A value, or lists of lists of them, as an array.

    Raises:
      RequestError: INVALID_ARGUMENT, if the lists are no array, or a value is not of the type.
    """
    leaves, shape = [value], []
    while leaves and type(leaves[0]) is list:
        shape.append(len(leaves[0]))
        if set(map(type, leaves)) != {list} or len(set(map(len, leaves))) > 1:
            raise _misfit(value, dtype)
        leaves = list(itertools.chain.from_iterable(leaves))
    array = _leaves_to_array(leaves, dtype)
    if array is None:
        raise _misfit(value, dtype)
    return array.reshape(shape)


def _leaves_to_array(leaves: list[Any], dtype: int) -> np.ndarray | None:
    """Values without lists as an array `[n]`; None if one is not of the type."""
    kinds = set(map(type, leaves))
    if dtype == types_pb2.DT_STRING:
        if not kinds <= {str, dict}:
            return None
        array = np.empty(len(leaves), object)
        array[:] = [_to_bytes(leaf) for leaf in leaves]
        return array
    if dtype == types_pb2.DT_BOOL:
        return np.array(leaves, np.bool_) if kinds <= {bool} else None
    if dtype in _INTEGERS:
        # TF Serving takes 32 bits for all smaller types, and lets those wrap around.
        bits = 64 if dtype == types_pb2.DT_INT64 else 32
        if not kinds <= {int} or not _all_in(leaves, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1):
            return None
        limits = np.iinfo(_INTEGERS[dtype])
        if not _all_in(leaves, int(limits.min), int(limits.max)):
            raise invalid_argument(f"tensor parsing error: values outside {dtype_name(dtype)}")
        return np.array(leaves, _INTEGERS[dtype])
    if dtype not in _FLOATS:
        raise RequestError(
            grpc.StatusCode.UNIMPLEMENTED,
            f"Conversion of JSON values to type: {dtype_name(dtype)}",
        )
    if not kinds <= {int, float}:
        return None
    if int in kinds and not all(type(leaf) is float or _is_exact(leaf, dtype) for leaf in leaves):
        return None
    wide = np.array(leaves, np.float64)
    with np.errstate(over="ignore"):
        array = wide.astype(_FLOATS[dtype])
    return None if (np.isinf(array) != np.isinf(wide)).any() else array


def _misfit(value: Any, dtype: int) -> RequestError:
    """What TF Serving says of a value that is known to be no array of the type."""
    return _first_misfit(value, 0, _declared_shape(value), dtype) or parse_error("Invalid value.")


def _declared_shape(value: Any) -> list[int]:
    """The shape of lists in lists, by the first of each."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape


def _first_misfit(value: Any, level: int, shape: Sequence[int], dtype: int) -> RequestError | None:
    if not isinstance(value, list):
        if level != len(shape):
            return invalid_argument(
                f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {len(shape)}"
            )
        return _wrong_leaf(value, dtype)
    if level >= len(shape):
        return invalid_argument(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        )
    if len(value) != shape[level]:
        return invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: "
            f"{shape[level]}"
        )
    for inner in value:
        found = _first_misfit(inner, level + 1, shape, dtype)
        if found:
            return found
    return None


def _wrong_leaf(leaf: Any, dtype: int) -> RequestError | None:
    try:
        if _leaves_to_array([leaf], dtype) is not None:
            return None
    except RequestError as error:
        return error
    if dtype in _FLOATS and type(leaf) in (int, float):
        return invalid_argument(
            f"Cannot convert JSON value: {_shown(leaf)} to {dtype_name(dtype)} without loss of "
            "precision."
        )
    return invalid_argument(
        f"JSON Value: {_shown(leaf)} Type: {_json_type(leaf)} is not of expected type: "
        f"{dtype_name(dtype)}"
    )


def _to_bytes(leaf: str | dict[str, Any]) -> bytes:
    if isinstance(leaf, dict):
        if not _is_base64(leaf):
            raise invalid_argument(
                f"JSON Value: {_shown(leaf)} not formatted correctly for base64 data"
            )
        return _from_base64(leaf["b64"])
    try:
        return leaf.encode()
    except UnicodeEncodeError:
        raise parse_error("The surrogate pair in string is invalid.") from None


def _from_base64(text: str) -> bytes:
    """Base64 as TF Serving takes it: with or without padding, and spaces in between."""
    packed = "".join(text.split()).rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("Unable to base64 decode") from None


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def _is_named(value: Any) -> bool:
    """Whether a value is an object of tensors by their names."""
    return isinstance(value, dict) and not _is_base64(value)


def _all_in(numbers: list[int], low: int, high: int) -> bool:
    return low <= min(numbers, default=low) and max(numbers, default=low) <= high


def _is_exact(number: int, dtype: int) -> bool:
    return abs(number) <= _MAX_WHOLE[dtype]


def _json_type(value: Any) -> str:
    names: dict[type, str] = {dict: "Object", list: "Array", str: "String"}
    if value is None or isinstance(value, bool):
        return {None: "Null", True: "True", False: "False"}[value]
    return names.get(type(value), "Number")


def _shown(value: Any) -> str:
    return _shown_text(json.dumps(value, ensure_ascii=False))


def _shown_text(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _listed(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
