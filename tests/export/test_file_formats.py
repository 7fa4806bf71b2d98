"""Exports for other runtimes: the SavedModel's numbers there, and what is refused."""

import json
import os
import re
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import tfglow
from export import file_formats, main
from export.exporting import export_run
from export.file_formats import FILE_FORMATS
from export.signatures import Signatures
from export.writers import WRITERS
from tests.export.conftest import CONFIG, averaged_glow
from tests.export.models import random_images
from tests.random_glow import random_glow
from tests.source_imports import ROOT
from tfglow.ops.valid_rows import finite_rows, zero_unless
from tfglow.runs.run_folder import RunFolder

pytestmark = pytest.mark.slow

RUNTIMES = ("onnx", "litert")
PAGE = (ROOT / "docs" / "runtimes.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# Every other choice of the configuration than in the conditional model that the tests share.
SMALL = tfglow.GlowConfig(
    image_shape=(4, 8, 1),
    levels=1,
    steps=1,
    width=4,
    num_bits=5,
    coupling="additive",
    permutation="shuffle",
    learn_top=False,
)


class OnnxRuntime:
    """The signatures of a version's ONNX files, as functions of arrays."""

    def __init__(self, folder, names=("encode", "decode")):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # What is refused is not printed too.
        self._sessions = {
            name: onnxruntime.InferenceSession(
                folder / f"{name}.onnx", options, providers=["CPUExecutionProvider"]
            )
            for name in names
        }

    def __call__(self, signature, **inputs):
        session = self._sessions[signature]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))


class LiteRT:
    """The same of a LiteRT file."""

    def __init__(self, folder):
        self._interpreter = Interpreter(str(folder / "glow.tflite"))

    def __call__(self, signature, **inputs):
        return self._interpreter.get_signature_runner(signature)(**inputs)


@pytest.fixture(scope="module")
def exports(run):
    """A version of the run in each format of other runtimes; not to be changed."""
    return {
        name: export_run(run.path, run.path.parent / name, file_format=name) for name in RUNTIMES
    }


@pytest.fixture(scope="module")
def runtimes(exports):
    return {
        "onnx": OnnxRuntime(exports["onnx"].path),
        "litert": LiteRT(exports["litert"].path),
    }


@pytest.fixture(scope="module")
def signatures():
    """What a SavedModel of the run answers, see test_saved_model.py."""
    return Signatures(averaged_glow()).concrete_functions(["encode", "decode"])


def requests(rows=7):
    """Inputs of both signatures, with rows that are not valid: labels, and in `decode` latents."""
    label = np.array([2, 0, 3, 1, -1, 1, 0], np.int32)[:rows]
    latent = np.random.default_rng(0).normal(size=[7, CONFIG.num_dims]).astype(np.float32)
    latent[5, 0], latent[6, -1] = np.nan, np.inf
    return {
        "encode": {"image": random_images(CONFIG, rows).numpy(), "label": label},
        "decode": {"latent": latent[:rows], "label": label},
    }


def assert_same(answer, expected, bin_size=1):
    """Two answers of one signature, equal but for rounding; `expected` is TensorFlow's."""
    assert set(answer) == set(expected)
    for name, tensor in expected.items():
        assert (
            answer[name].dtype == tensor.dtype.as_numpy_dtype and answer[name].shape == tensor.shape
        )
    np.testing.assert_array_equal(answer["valid"], expected["valid"])
    if "image" in expected:
        difference = np.abs(answer["image"].astype(int) - expected["image"])
        # Where rounding sends a value to the next bin.
        assert difference.max(initial=0) <= bin_size
        assert np.count_nonzero(difference) <= 0.01 * difference.size
    else:
        np.testing.assert_allclose(answer["latent"], expected["latent"], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(answer["log_prob"], expected["log_prob"], rtol=1e-4)
        for name in ("bits_per_dim", "bits_per_level"):
            np.testing.assert_allclose(answer[name], expected[name], rtol=0, atol=1e-4)


@pytest.mark.parametrize("rows", [7, 1, 0, 3])
@pytest.mark.parametrize("signature", ["encode", "decode"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_numbers_and_invalid_rows_are_the_saved_models(
    runtimes, signatures, runtime, signature, rows
):
    inputs = requests(rows)[signature]
    expected = signatures[signature](**{k: tf.constant(v) for k, v in inputs.items()})
    assert_same(runtimes[runtime](signature, **inputs), expected)
    if rows == 7:
        invalid = [2, 4] if signature == "encode" else [2, 4, 5, 6]
        assert np.flatnonzero(~expected["valid"].numpy()).tolist() == invalid


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_decoding_what_was_encoded_gives_every_byte_back(runtimes, runtime):
    image, label = random_images(CONFIG, 3).numpy(), np.array([0, 1, 2], np.int32)
    latent = runtimes[runtime]("encode", image=image, label=label)["latent"]
    answer = runtimes[runtime]("decode", latent=latent, label=label)
    np.testing.assert_array_equal(answer["image"], image)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_row_that_is_not_finite_becomes_zeros(tmp_path, runtime):
    """What a converter makes of `zero_unless`, by itself: products of 0 and 1 will not do."""

    def zeroed(image):
        return {"latent": zero_unless(finite_rows(image), image)}

    model = tf.Module()
    model.flow = tf.Module()
    model.encode = tf.function(zeroed, [tf.TensorSpec([None, 2], tf.float32, "image")])
    functions = {"encode": model.encode.get_concrete_function()}
    WRITERS[runtime](tmp_path, model, functions, {"config": {"model": {}}})
    run = OnnxRuntime(tmp_path, ["encode"]) if runtime == "onnx" else LiteRT(tmp_path)
    image = np.array([[np.nan, 1], [2, 3], [4, np.inf], [-np.inf, 5]], np.float32)
    answer = run("encode", image=image)["latent"]
    np.testing.assert_array_equal(answer, [[0, 0], [2, 3], [0, 0], [0, 0]])


@pytest.mark.parametrize("labels", [1, 2, 4])
@pytest.mark.parametrize("signature", ["encode", "decode"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_inputs_of_different_numbers_of_rows_are_refused(runtimes, runtime, signature, labels):
    inputs = {**requests(3)[signature], "label": np.zeros([labels], np.int32)}
    with pytest.raises((RuntimeError, onnxruntime.capi.onnxruntime_pybind11_state.Fail)):
        runtimes[runtime](signature, **inputs)


def test_onnx_files_say_what_they_are(exports, run):
    folder = exports["onnx"].path
    for name in ("encode", "decode"):
        model = onnx.load(folder / f"{name}.onnx")
        for tensor in (*model.graph.input, *model.graph.output):
            assert tensor.type.tensor_type.shape.dim[0].dim_param == "N"
        assert {o.domain for o in model.opset_import} <= {"", "ai.onnx.ml"}
        records = {prop.key: json.loads(prop.value) for prop in model.metadata_props}
        assert set(records) == {"model", "source", "pictures", "evaluation"}
        assert records.pop("model") == CONFIG.to_dict()
        assert records["source"] == exports["onnx"].source
        for key, record in records.items():
            assert json.loads((folder / f"{key}.json").read_text()) == record
    assert json.loads((folder / "config.json").read_text()) == run.read_config()


def test_a_version_holds_its_files_alone_and_does_not_name_this_machine(exports):
    records = {"config.json", "source.json", "pictures.json", "evaluation.json"}
    assert set(os.listdir(exports["onnx"].path)) == {"encode.onnx", "decode.onnx", *records}
    assert set(os.listdir(exports["litert"].path)) == {"glow.tflite", *records}
    for export in exports.values():
        for file in export.path.iterdir():
            assert os.fsencode(ROOT) not in file.read_bytes()
        assert os.listdir(export.path.parent) == ["1"]


# An unconditional model, by the command and as the page says.


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with the exports that docs/runtimes.md names, and the model's own answers."""
    folder = tmp_path_factory.mktemp("page")
    config = {"model": SMALL.to_dict(), "data_dir": "/somebodys/photos", "resize": "center_crop"}
    run = RunFolder.create(folder / "runs" / "digits", config)
    glow = random_glow(SMALL)
    run.save_glow(glow, step=1)
    for name in RUNTIMES:
        flags = [f"--run_dir={run.path}", f"--export_dir={folder / 'exports' / name}"]
        assert main.main([*flags, f"--format={name}", "--raw_weights"]) == 0
    return folder, glow


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_unconditional_model(published, runtime):
    folder, glow = published
    run = (OnnxRuntime if runtime == "onnx" else LiteRT)(folder / "exports" / runtime / "1")
    image = random_images(SMALL, 5)
    answer = run("encode", image=image.numpy())
    for file in folder.glob("exports/*/1/*.[ot]*"):
        assert b"somebody" not in file.read_bytes()
    np.testing.assert_allclose(answer["latent"], glow.encode(image), rtol=1e-4, atol=1e-4)
    bits = glow.bits_per_dim(image, noise=0.5)
    np.testing.assert_allclose(answer["bits_per_dim"], bits, rtol=0, atol=1e-4)
    latent = 0.7 * np.random.default_rng(0).standard_normal([5, SMALL.num_dims], np.float32)
    difference = run("decode", latent=latent)["image"].astype(int) - glow.decode(latent)
    assert np.abs(difference).max() <= 8 and np.mean(difference != 0) < 0.01


@pytest.mark.parametrize("source", SNIPPETS, ids=["onnxruntime", "litert", "openvino"])
def test_the_pages_snippets_run(published, source, monkeypatch):
    if "import openvino" in source:
        pytest.importorskip("openvino")
    monkeypatch.chdir(published[0])
    names = {}
    exec(source, names)
    assert names["images"].shape == (16, *SMALL.image_shape)


# What is refused, before anything is computed.


def refusal(capsys, *flags):
    """The one sentence with which `export/main.py` fails."""
    assert main.main([str(flag) for flag in flags]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize("there, asked", [("saved_model", "onnx"), ("litert", "saved_model")])
def test_versions_of_two_formats_do_not_mix(run, tmp_path, capsys, there, asked):
    (tmp_path / "0012").mkdir()
    (tmp_path / "0012" / FILE_FORMATS[there].marker).touch()
    flags = [f"--run_dir={run.path}", f"--export_dir={tmp_path}", f"--format={asked}"]
    assert refusal(capsys, *flags) == (
        f"'{tmp_path}' holds versions of the format {there}, such as '0012', and a server of them "
        f"would try this one too: give --format={asked} an --export_dir of its own."
    )


@pytest.mark.parametrize("name", RUNTIMES)
def test_only_float32(run, tmp_path, capsys, name):
    flags = [f"--run_dir={run.path}", f"--export_dir={tmp_path}", f"--format={name}"]
    sentence = refusal(capsys, *flags, "--precision=mixed_bfloat16")
    assert sentence.startswith(f"--format={name} takes --precision=float32, got 'mixed_bfloat16'")


def test_a_converter_that_is_not_installed(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(file_formats.importlib.util, "find_spec", lambda name: None)
    flags = [f"--run_dir={run.path}", f"--export_dir={tmp_path}", "--format=onnx"]
    assert refusal(capsys, *flags) == (
        "--format=onnx needs tf2onnx, which is not installed; pip install -e '.[serving,onnx]' "
        "brings it."
    )


def test_a_model_that_is_too_large(monkeypatch):
    weights = (tf.Variable(tf.zeros([3, 5])), tf.Variable(tf.zeros([7])))
    both = tf.function(lambda: weights[0][0, 0] + weights[1][0]).get_concrete_function()
    functions = {"encode": both, "decode": both}  # 22 numbers of 4 bytes, held once.
    for size in (88, 87):
        monkeypatch.setattr(file_formats, "_LARGEST", size)
        FILE_FORMATS["saved_model"].check_size(functions)
        if size == 88:
            FILE_FORMATS["onnx"].check_size(functions)
    with pytest.raises(ValueError, match=r"--format=onnx .* less than 2 GiB; .* take 0.00 GiB"):
        FILE_FORMATS["onnx"].check_size(functions)


def test_an_unknown_format(run, tmp_path, capsys):
    with pytest.raises(ValueError, match="`file_format` must be one of saved_model, onnx, litert;"):
        export_run(run.path, tmp_path, file_format="torch")
    # The command knows the same ones before it imports TensorFlow.
    with pytest.raises(SystemExit):
        main.main(["--run_dir=a", "--export_dir=b", "--format=torch"])
    listed = re.search(r"choose from (.*)\)", capsys.readouterr().err)[1]
    assert re.findall(r"\w+", listed) == list(FILE_FORMATS)


def test_a_conversion_that_fails_publishes_nothing(published, tmp_path, monkeypatch):
    def fails(*args, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["tf2onnx"].convert, "from_function", fails)
    with pytest.raises(ValueError, match=r"Cannot publish in .*: No space left on device\.$"):
        export_run(published[0] / "runs" / "digits", tmp_path, raw_weights=True, file_format="onnx")
    assert os.listdir(tmp_path) == []
