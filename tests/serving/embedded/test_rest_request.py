"""Bodies as arrays: types, bounds and words that no server need be asked for."""

import json

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.embedded.request_checks import RequestError, Signature
from serving.embedded.rest_request import COLUMNS, ROWS, read_request

DTYPES = {
    "uint8": types_pb2.DT_UINT8,
    "int32": types_pb2.DT_INT32,
    "int64": types_pb2.DT_INT64,
    "float32": types_pb2.DT_FLOAT,
    "float64": types_pb2.DT_DOUBLE,
    "bool": types_pb2.DT_BOOL,
    "object": types_pb2.DT_STRING,
}


def signature(**dtypes):
    inputs = {
        name: meta_graph_pb2.TensorInfo(dtype=DTYPES[dtype]) for name, dtype in dtypes.items()
    }
    return Signature("paint", inputs, {})


def arrays(body, **dtypes):
    """What a body holds for inputs of these types."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_request(raw, lambda name: signature(**dtypes), 1000, 20).inputs


def refused(body, **dtypes):
    with pytest.raises(RequestError) as caught:
        arrays(body, **dtypes)
    return caught.value.message


VALUES = {
    "uint8": [0, 255],
    "int32": [-(2**31), 2**31 - 1],
    "int64": [-(2**63), 2**63 - 1],
    "float32": [1.5, -3, float("nan"), float("-inf"), 2**24 - 1, 3.4e38],
    "float64": [1e300, 2**53 - 1],
    "bool": [True, False],
    "object": ["é", {"b64": "AP8="}, {"b64": "AP8"}, {"b64": "A P\n8="}, {"b64": ""}],
}


@pytest.mark.parametrize("dtype", VALUES)
def test_every_type_in_both_forms(dtype):
    values = VALUES[dtype]
    strings = {"é": "é".encode()}
    if dtype == "object":
        values_read = [strings.get(v) if isinstance(v, str) else b"\0\xff" for v in values[:-1]]
        expected = np.array([*values_read, b""], object)
    else:
        expected = np.array(values, dtype)
    for nest in (lambda v: v, lambda v: [[v], [v]]):
        column = [nest(value) for value in values]
        for body in (
            {ROWS: column},
            {ROWS: [{"x": value} for value in column]},
            {COLUMNS: column},
            {COLUMNS: {"x": column}},
        ):
            found = arrays(body, x=dtype)["x"]
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, [nest(value) for value in expected])


@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, "a", {"b64": "AA=="}, {"c": 1}, 2**31, -(2**63) - 1, 10**400]
)
def test_every_other_value_is_refused(dtype, value):
    fits = {
        "uint8": value is not True and value == 1,
        "int32": value is not True and value == 1,
        "int64": value is not True and value in (1, 2**31),
        "float32": value is not True and value in (1, 1.5),
        "float64": value is not True and value in (1, 1.5, 2**31),
        "bool": value is True,
        "object": value in ("a", {"b64": "AA=="}),
    }[dtype]
    body = {COLUMNS: {"x": [value]}}
    if fits:
        assert arrays(body, x=dtype)["x"].shape == (1,)
    else:
        assert refused(body, x=dtype)


@pytest.mark.parametrize("value", [-1, 256])
def test_numbers_outside_a_small_type_are_refused_and_do_not_wrap(value):
    assert "values outside uint8" in refused({ROWS: [value]}, x="uint8")


def test_numbers_that_a_float_cannot_hold():
    for value in (2**24, 1e39, -1e39):
        assert "to float without loss of precision." in refused({ROWS: [value]}, x="float32")


def test_columns_say_where_a_row_is_wrong():
    assert refused({COLUMNS: [[1, 2], [1]]}, x="int32") == (
        "Encountered list at unexpected size: 1 at level: 1 expected size: 2"
    )
    assert refused({COLUMNS: [[1, 2], 3]}, x="int32") == (
        "JSON Value: 3 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"
    )
    assert refused({COLUMNS: [[1], ["a"]]}, x="int32") == (
        'JSON Value: "a" Type: String is not of expected type: int32'
    )


def test_what_is_wrong_with_bytes():
    assert "not formatted correctly for base64" in refused({COLUMNS: [{"b64": 1}]}, x="object")
    for text in ("%%%", "A", "AA=A", "é"):
        assert "Unable to base64 decode" in refused({COLUMNS: [{"b64": text}]}, x="object")
    assert "surrogate pair" in refused(b'{"inputs": ["\\ud800"]}', x="object")
    assert "Invalid encoding" in refused(b'{"inputs": ["\xff"]}', x="object")


def test_other_members_are_passed_over_and_the_first_of_two_counts():
    body = b'\xef\xbb\xbf{"a": {"b": []}, "instances": [1], "instances": [2], "c": null}'
    assert arrays(body, x="int32")["x"].tolist() == [1]


@pytest.mark.parametrize("form", [ROWS, COLUMNS])
def test_the_signatures_name_may_stand_anywhere(form):
    names = []

    def signature_of(name):
        names.append(name)
        return signature(x="int32")

    for name, body in {
        "first": {"signature_name": "first", form: {"x": [1]} if form == COLUMNS else [1]},
        "last": {"more": [[1], 2], form: [1], "signature_name": "last"},
        "": {form: [1]},
    }.items():
        request = read_request(json.dumps(body).encode(), signature_of, 1000, 20)
        assert (request.form, request.inputs["x"].tolist()) == (form, [1])
        assert names.pop() == name and not names


def test_rows_are_bounded_in_number_and_length():
    assert "maximum input batch size 20" in refused({ROWS: [1] * 21}, x="int32")
    assert "maximum input batch size 20" in refused({COLUMNS: {"x": [1] * 21}}, x="int32")
    assert "more than 1000 characters" in refused({ROWS: [[0] * 2000]}, x="int32")


def test_a_long_value_is_shown_in_part():
    message = refused({ROWS: [["y" * 900, 1]]}, x="int32")
    assert "y..." in message and len(message) < 500
