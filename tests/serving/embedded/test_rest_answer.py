"""Arrays as JSON."""

import json
import math

import numpy as np
import pytest

from serving.embedded.rest_answer import columns_json, error_json, rows_json


def text_of(*values, dtype=np.float32):
    return columns_json({"x": np.array(values, dtype)}).decode()


def test_floats_are_written_as_tf_serving_writes_them():
    """Six digits, nine where six are another number; a point or an exponent in every one."""
    assert text_of(0.1, 1, -2, 1e6, 9000000, 123456, 123456789, -0.0, 3e-5, 1 / 3, 100) == (
        '{"outputs": [0.1, 1.0, -2.0, 1e+06, 9e+06, 123456.0, 123456792.0, -0.0, 3e-05, '
        "0.333333343, 100.0]}"
    )
    assert text_of(0.1, 1 / 3, dtype=np.float64) == '{"outputs": [0.1, 0.33333333333333331]}'


def test_what_is_not_finite_is_a_word():
    assert text_of(np.nan, np.inf, -np.inf) == '{"outputs": [NaN, Infinity, -Infinity]}'


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_float_comes_back(dtype):
    bits = np.random.default_rng(0).integers(0, 256, 40_000, np.uint8)
    values = bits.view(dtype)
    values = values[np.isfinite(values)]
    back = json.loads(columns_json({"x": values}))["outputs"]
    assert all(type(value) is float for value in back)
    np.testing.assert_array_equal(np.array(back).astype(dtype), values)


OUTPUTS = {
    "image": np.arange(12, dtype=np.uint8).reshape(2, 3, 2, 1),
    "seed": np.array([2**63 - 1, -(2**63)]),
    "image_bytes": np.array([b"\0\xff", b""], object),
    "record": np.array(['{"é": "\n"}'.encode(), b"\xff"], object),
    "valid": np.array([True, False]),
}


def test_rows_and_columns():
    columns = json.loads(columns_json(OUTPUTS))["outputs"]
    assert columns == {
        "image": OUTPUTS["image"].tolist(),
        "seed": [2**63 - 1, -(2**63)],
        "image_bytes": [{"b64": "AP8="}, {"b64": ""}],
        "record": ['{"é": "\n"}', "\ufffd"],
        "valid": [True, False],
    }
    rows = json.loads(rows_json(OUTPUTS))["predictions"]
    assert rows == [{name: column[row] for name, column in columns.items()} for row in (0, 1)]


def test_one_output_stands_alone():
    one = {"image": OUTPUTS["image"]}
    assert json.loads(rows_json(one)) == {"predictions": OUTPUTS["image"].tolist()}
    assert json.loads(columns_json(one)) == {"outputs": OUTPUTS["image"].tolist()}


def test_nothing_is_an_empty_list():
    none = {"latent": np.zeros([0, 3], np.float32), "valid": np.zeros(0, np.bool_)}
    assert json.loads(columns_json(none)) == {"outputs": {"latent": [], "valid": []}}
    assert json.loads(rows_json({"latent": np.zeros([2, 0])})) == {"predictions": [[], []]}


def test_errors():
    message = 'a "quoted" é\n\x00 \ud800'
    assert json.loads(error_json(message)) == {"error": message.replace("\ud800", "?")}
    assert math.isnan(json.loads(rows_json({"x": np.array([np.nan])}))["predictions"][0])
