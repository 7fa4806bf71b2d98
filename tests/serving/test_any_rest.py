"""TF Serving's REST API, from each kind of server: paths, bodies, codes and words."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.serving.rest_calls import b64, from_b64


@pytest.fixture
def signatures(any_rest):
    """The model's signatures, from its metadata."""
    status, answer = any_rest.get("/v1/models/glow/metadata")
    assert status == 200
    return answer["metadata"]["signature_def"]["signature_def"]


@pytest.fixture
def label(signatures):
    """What a row needs beside its other inputs."""
    return {"label": 0} if "label" in signatures["decode"]["inputs"] else {}


@pytest.fixture
def image_shape(signatures):
    return shape(signatures["encode"]["inputs"]["image"])[1:]


def shape(info):
    return [int(dim["size"]) for dim in info["tensor_shape"]["dim"]]


def sampled(label, seeds=(1, 2, 3), temperature=0.7):
    return [{"seed": seed, "temperature": temperature, **label} for seed in seeds]


def in_columns(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


# What is asked about the model.


@pytest.mark.parametrize("path", ["", "/versions/{version}", "/labels/stable"])
def test_status(any_rest, path):
    _, metadata = any_rest.get("/v1/models/glow/metadata")
    version = metadata["model_spec"]["version"]
    # A label in a status request is ignored.
    status, answer = any_rest.get("/v1/models/glow" + path.format(version=version))
    assert status == 200
    assert list(answer) == ["model_version_status"]
    (entry,) = [e for e in answer["model_version_status"] if e["version"] == version]
    assert entry == {
        "version": version,
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }


@pytest.mark.parametrize("path", ["", "/versions/{version}"])
def test_metadata(any_rest, signatures, path):
    version = any_rest.get("/v1/models/glow/metadata")[1]["model_spec"]["version"]
    path = f"/v1/models/glow{path.format(version=version)}/metadata"
    status, answer = any_rest.get(path)
    assert status == 200
    assert set(answer) == {"model_spec", "metadata"}
    assert answer["model_spec"] == {"name": "glow", "signature_name": "", "version": version}
    assert set(answer["metadata"]) == {"signature_def"}
    sample = signatures["serving_default"]
    assert sample["method_name"] == "tensorflow/serving/predict"
    seed = sample["inputs"]["seed"]
    assert seed["dtype"] == "DT_INT64"
    assert seed["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert set(sample["outputs"]) == {"image", "latent", "valid"}


@pytest.mark.parametrize(
    "method, path, status, message",
    [
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("GET", "/v1/models/glow/versions/77", 404, "Could not find version 77 of model glow"),
        (
            "GET",
            "/v1/models/glow/versions/9999999999999999999",
            400,
            "Failed to convert version: 9999999999999999999 to numeric.",
        ),
        ("GET", "/v1/models/glow/what", 400, "Malformed request: GET /v1/models/glow/what"),
        ("GET", "/v1/models/glow:predict", 400, "Malformed request: GET /v1/models/glow:predict"),
        ("POST", "/v1/models/glow", 400, "Malformed request: POST /v1/models/glow"),
        ("POST", "/v1/models/glow:paint", 400, "Malformed request: POST /v1/models/glow:paint"),
        ("PUT", "/v1/models/glow:predict", 400, "Malformed request: PUT /v1/models/glow:predict"),
        (
            "GET",
            "/v1/models/other/metadata",
            404,
            "Servable not found for request: Latest(other)",
        ),
        (
            "GET",
            "/v1/models/glow/versions/77/metadata",
            404,
            "Servable not found for request: Specific(glow, 77)",
        ),
        (
            "GET",
            "/v1/models/glow/labels/nightly/metadata",
            400,
            "Unrecognized servable version label: nightly",
        ),
    ],
)
def test_what_is_not_there(any_rest, method, path, status, message):
    assert any_rest.call(method, path) == (status, {"error": message})


@pytest.mark.parametrize(
    "place, status, message",
    [
        ("other", 404, "Servable not found for request: Latest(other)"),
        ("glow/versions/77", 404, "Servable not found for request: Specific(glow, 77)"),
        ("glow/labels/nightly", 400, "Unrecognized servable version label: nightly"),
    ],
)
def test_predictions_of_no_such_model(any_rest, label, place, status, message):
    answer = any_rest.predict({"instances": sampled(label)}, place)
    assert answer == (status, {"error": message})


# Predictions.


def test_rows_and_columns_hold_the_same(any_rest, label, image_shape):
    rows = any_rest.rows("sample", sampled(label))
    columns = any_rest.columns("sample", in_columns(sampled(label)))
    assert set(columns) == {"image", "latent", "valid"}
    assert [set(row) for row in rows] == [{"image", "latent", "valid"}] * 3
    for name, values in columns.items():
        np.testing.assert_array_equal([row[name] for row in rows], values)
    assert np.shape(columns["image"]) == (3, *image_shape)
    assert columns["valid"] == [True] * 3
    assert all(type(value) is float for value in columns["latent"][0])
    assert len(np.unique(columns["latent"], axis=0)) == 3


def test_the_default_signature_and_a_version_by_number_sample(any_rest, label):
    expected = any_rest.rows("sample", sampled(label))
    version = any_rest.get("/v1/models/glow/metadata")[1]["model_spec"]["version"]
    for model in ("glow", f"glow/versions/{version}"):
        for body in ({}, {"signature_name": ""}, {"signature_name": "serving_default"}):
            answer = any_rest.predict({**body, "instances": sampled(label)}, model)
            assert answer == (200, {"predictions": expected})


def test_floats_come_back_as_they_were(any_rest, label):
    (first,) = any_rest.rows("sample", sampled(label, [7]))
    image = any_rest.rows("decode", [{"latent": first["latent"], **label}])
    assert image[0]["image"] == first["image"]
    latent = np.array(first["latent"], np.float32)
    # Written with nine digits or fewer, they are the same float32 as written with all of them.
    exact = any_rest.rows("decode", [{"latent": latent.tolist(), **label}])
    assert exact[0]["image"] == first["image"]
    assert latent.tolist() != first["latent"]


def test_pictures_go_in_and_out_as_base64(any_rest, label, image_shape):
    samples = any_rest.rows("sample", sampled(label))
    files = any_rest.rows("sample_png", sampled(label))
    pictures = [from_b64(row["image_bytes"]) for row in files]
    for file, sample in zip(pictures, samples, strict=True):
        with Image.open(io.BytesIO(file)) as opened:
            pixels = np.asarray(opened).reshape(image_shape)
        assert np.abs(pixels.astype(int) - sample["image"]).max() <= 1

    rows = [{"image_bytes": b64(file), **label} for file in pictures]
    encoded = any_rest.rows("encode_bytes", rows)
    expected = any_rest.rows("encode", [{"image": s["image"], **label} for s in samples])
    for row, other in zip(encoded, expected, strict=True):
        assert row["valid"] is True
        np.testing.assert_allclose(row["latent"], other["latent"], atol=0.1)
    latents = [{"latent": row["latent"], **label} for row in encoded]
    decoded = any_rest.rows("decode_png", latents)
    for row, file in zip(decoded, pictures, strict=True):
        np.testing.assert_array_equal(*(
            np.asarray(Image.open(io.BytesIO(data)))
            for data in (from_b64(row["image_bytes"]), file)
        ))  # fmt: skip


def test_a_bad_row_is_answered_and_not_valid(any_rest, label):
    rows = [{"image_bytes": b64(b"no picture"), **label}]
    (answer,) = any_rest.rows("encode_bytes", rows)
    assert answer["valid"] is False and set(answer["latent"]) == {0.0}
    rows = sampled(label, [1], -1.0) + sampled(label, [1], 0.7)
    bad, good = any_rest.rows("sample_png", rows)
    assert bad == {"image_bytes": {"b64": ""}, "valid": False}
    assert good["valid"] is True


def test_one_input_needs_no_name(any_rest, label):
    if label:
        pytest.skip("a conditional model has two inputs")
    file = any_rest.rows("sample_png", sampled(label))[0]["image_bytes"]
    expected = any_rest.rows("encode_bytes", [{"image_bytes": file}])
    assert any_rest.rows("encode_bytes", [file]) == expected
    columns = any_rest.columns("encode_bytes", [file])
    assert columns == any_rest.columns("encode_bytes", {"image_bytes": [file]})
    assert columns["latent"] == [expected[0]["latent"]]


def test_infinity_and_nan_are_words(any_rest, label):
    rows = json.dumps({"instances": sampled(label, [1, 2, 3])}).replace("0.7", "NaN", 1)
    rows = rows.replace("0.7", "-Infinity", 1).replace("0.7", "Infinity", 1)
    status, answer = any_rest.predict(rows.encode())
    assert status == 200
    assert [row["valid"] for row in answer["predictions"]] == [False] * 3


# Bodies that are no requests: what TF Serving says begins so.


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "JSON Parse error: The document is empty"),
        ("{", "JSON Parse error: Missing a name for object member. at offset: "),
        ('{"instances": [1 2]}', "JSON Parse error: Missing a comma or ] after an array element."),
        ('{"instances": [1]} x', "JSON Parse error: The document root must not be followed by "),
        ('{"instances": [1}', "JSON Parse error: "),
        ('{"instances"}', "JSON Parse error: Missing a colon after a name of object member."),
        ('{"instances": ["', "JSON Parse error: Missing a closing quotation mark in string."),
        ("[1]", "JSON Value: ["),
        ("{}", "Missing 'inputs' or 'instances' key"),
        ('{"signature_name": 1, "instances": [1]}', "JSON Value: {"),
        ('{"instances": []}', "JSON Value: {"),
        ('{"instances": 1}', "JSON Value: {"),
        ('{"instances": [1], "inputs": [1]}', "JSON Value: {"),
        (
            '{"signature_name": "paint", "instances": [1]}',
            'Serving signature name: "paint" not found in signature def',
        ),
        (
            '{"instances": [1]}',
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map",
        ),
        (
            '{"inputs": [1]}',
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            "required as per tensorinfo_map",
        ),
    ],
)  # fmt: skip
def test_what_is_no_request(any_rest, text, message):
    status, answer = any_rest.predict(text.encode())
    assert status == 400
    assert set(answer) == {"error"} and answer["error"].startswith(message)


NUMBER = "JSON Value: {} Type: {} is not of expected type: {}"


@pytest.mark.parametrize(
    "row, message",
    [
        ({"seed": 1.5}, NUMBER.format(1.5, "Number", "int64")),
        ({"seed": True}, NUMBER.format("true", "True", "int64")),
        ({"seed": None}, NUMBER.format("null", "Null", "int64")),
        ({"seed": "1"}, NUMBER.format('"1"', "String", "int64")),
        ({"seed": 2**63}, NUMBER.format(2**63, "Number", "int64")),
        ({"temperature": "a"}, NUMBER.format('"a"', "String", "float")),
        ({"temperature": 16777217}, "Cannot convert JSON value: 16777217 to float without loss"),
        ({"colour": 1}, "JSON object: does not have named input: colour"),
    ],
)
def test_values_that_do_not_fit(any_rest, label, row, message):
    (key,) = row
    status, answer = any_rest.predict({"instances": [{**sampled(label)[0], **row}]})
    assert status == 400
    start = f"Failed to process element: 0 key: {key} of 'instances' list. Error: "
    assert answer["error"].startswith(start) and message in answer["error"]


@pytest.mark.parametrize(
    "rows, message",
    [
        ([{"seed": 1}], "keys must"),
        ([{}, 5], "Expecting object but got list at item 1 of input list"),
        ([{"seed": [1]}, {"seed": [1, 2]}], "Expecting tensor size: 1 but got: 2"),
        ([{"seed": [1]}, {"seed": 1}], "Expecting shape [1] but got: []"),
        ([{"seed": [1, [2]]}], "Encountered list at unexpected level: 1 expected < 1"),
        (
            [{"seed": [[1], [2, 3]]}],
            "Encountered list at unexpected size: 2 at level: 1 expected size: 1",
        ),
    ],
)
def test_rows_that_do_not_fit_together(any_rest, label, rows, message):
    whole = {**sampled(label)[0], "temperature": 0.7}
    if rows != [{"seed": 1}]:
        rows = [{**whole, **row} if isinstance(row, dict) else row for row in rows]
    status, answer = any_rest.predict({"instances": rows})
    assert status == 400 and message in answer["error"]


def test_an_input_that_is_missing_in_columns(any_rest):
    answer = any_rest.predict({"inputs": {"seed": [1]}})[1]["error"]
    assert answer.startswith("Missing named input: ") and answer.endswith(" in 'inputs' object.")


def test_a_string_that_is_no_base64(any_rest, label):
    rows = [{"image_bytes": {"b64": "%%%"}, **label}]
    status, answer = any_rest.predict({"signature_name": "encode_bytes", "instances": rows})
    assert status == 400 and "Unable to base64 decode" in answer["error"]


def test_the_wrong_shape(any_rest, label):
    rows = [{"latent": [0.0, 1.0], **label}]
    status, answer = any_rest.predict({"signature_name": "decode", "instances": rows})
    assert status == 400 and "is not compatible with expected shape" in answer["error"]
