"""The published folder by itself: what TensorFlow, its tools and TF Serving find in it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.tools import saved_model_cli
from tensorflow_serving.apis import prediction_log_pb2

from export.signatures import Signatures
from tests.export.conftest import CONFIG, STEP, averaged_glow
from tests.export.models import random_images
from tests.forked import Forked
from tfglow.pictures.preparation import Preparation
from tfglow.scoring import Detector

NAMES = (
    *("encode", "decode", "sample", "encode_bytes", "decode_png", "sample_png"),
    *("preparation", "score", "serving_default"),
)
LABEL = np.array([2, 0, 1], np.int32)


def requests():
    """Inputs for every signature, of three rows."""
    drawn = {
        "seed": np.array([3, 4, 5], np.int64),
        "temperature": np.array([0.7, 1.0, -1.0], np.float32),
        "label": LABEL,
    }
    latent = np.random.default_rng(0).normal(size=[3, CONFIG.num_dims]).astype(np.float32)
    latent[2] = np.nan
    images = random_images(CONFIG, 3).numpy()
    files = [tf.io.encode_png(images[0]).numpy(), tf.io.encode_jpeg(images[1]).numpy(), b"none"]
    return {
        "encode": {"image": images, "label": LABEL},
        "score": {"image": images, "label": LABEL},
        "encode_bytes": {"image_bytes": np.array(files, "S"), "label": LABEL},
        "decode": {"latent": latent, "label": LABEL},
        "decode_png": {"latent": latent, "label": LABEL},
        **dict.fromkeys(("sample", "sample_png", "serving_default"), drawn),
    }


@pytest.fixture(scope="module")
def functions(detector):
    """The exported signatures, as the library computes them."""
    return Signatures(averaged_glow(), calibration=detector[0].calibration).concrete_functions()


@pytest.mark.slow
def test_tensorflow_alone_gives_the_same_numbers(export, functions, tmp_path):
    asked = {
        f"{signature}/{name}": value
        for signature, inputs in requests().items()
        for name, value in inputs.items()
    }
    np.savez(tmp_path / "requests.npz", **asked)
    script = Path(__file__).with_name("saved_model_alone.py")
    # -I: neither the environment's paths nor the script's folder are searched for modules.
    command = [sys.executable, "-I", script, export.path, "requests.npz", "answers.npz"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=120)

    with np.load(tmp_path / "answers.npz") as answers:
        expected_keys = set()
        for signature, inputs in requests().items():
            expected = functions[signature](**{k: tf.constant(v) for k, v in inputs.items()})
            for runtime in ("load", "session"):
                for name, tensor in expected.items():
                    key = f"{runtime}/{signature}/{name}"
                    expected_keys.add(key)
                    if tensor.dtype == tf.uint8:
                        difference = answers[key].astype(int) - tensor.numpy()
                        assert np.abs(difference).max() <= 1, key
                    elif tensor.dtype.is_floating:
                        np.testing.assert_allclose(
                            answers[key], tensor, rtol=1e-4, atol=1e-4, err_msg=key
                        )
                    elif tensor.dtype == tf.bool:
                        np.testing.assert_array_equal(answers[key], tensor, err_msg=key)
                    else:
                        assert [len(png) > 0 for png in answers[key]] == [True, True, False]
        assert set(answers) == expected_keys
        for latent in ("sample/latent", "serving_default/latent"):
            np.testing.assert_array_equal(answers[f"load/{latent}"], answers[f"session/{latent}"])


@pytest.fixture(scope="module")
def loaded(export):
    """Its functions check no shape in Python, as servers do not."""
    return tf.saved_model.load(str(export.path))


def run(loaded, signature, inputs):
    """The answer, as NumPy arrays."""
    answer = loaded.signatures[signature](**{k: tf.constant(v) for k, v in inputs.items()})
    return {name: tensor.numpy() for name, tensor in answer.items()}


def test_functions_can_be_called_without_signatures(loaded):
    answer = loaded.sample(tf.constant([1], tf.int64), tf.constant([0.7]), tf.constant([2]))
    inputs = {"seed": np.array([1]), "temperature": np.array([0.7], np.float32)}
    expected = run(loaded, "sample", {**inputs, "label": np.array([2], np.int32)})
    np.testing.assert_array_equal(answer["image"], expected["image"])


def test_each_function_is_in_it_once(export):
    """Saving traced every function again, and wrote it a second time."""
    data = (export.path / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(data).meta_graphs
    written = [f.signature.name for f in graph.graph_def.library.function]
    for name in ("_encode", "_decode", "_sample", "_score"):
        copies = [each for each in written if re.fullmatch(rf"__inference_{name}_\d+", each)]
        assert len(copies) == 1, written


WRONG_SHAPES = [
    ("encode", "image", np.zeros([3, 384], np.uint8)),
    ("encode", "image", np.zeros([3, 8, 16, 3], np.uint8)),
    ("encode", "label", np.zeros([3, 1], np.int32)),
    ("score", "image", np.zeros([3, 8, 16, 3], np.uint8)),
    ("decode", "latent", np.zeros([3, 383], np.float32)),
    ("decode", "latent", np.zeros([3, 16, 8, 3], np.float32)),
    ("sample", "seed", np.zeros([3, 1], np.int64)),
    ("sample", "temperature", np.ones([3, 1], np.float32)),
    ("sample_png", "seed", np.zeros([3, 2], np.int64)),
    ("encode_bytes", "image_bytes", np.array([[b"a"], [b"b"], [b"c"]])),
]
WRONG_ROWS = [
    ("encode", "label", LABEL[:1]),
    ("score", "label", LABEL[:1]),
    ("decode", "label", LABEL[:2]),
    ("sample", "temperature", np.ones([1], np.float32)),
    ("sample", "label", LABEL[:1]),
    ("sample_png", "temperature", np.ones([4], np.float32)),
    ("encode_bytes", "label", LABEL[:1]),
]


@pytest.mark.parametrize("signature, name, value", WRONG_SHAPES)
def test_the_graph_refuses_wrong_shapes(loaded, signature, name, value):
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        run(loaded, signature, {**requests()[signature], name: value})
    shape = ",".join(str(n) for n in value.shape)
    assert f"[{shape}] is not compatible with expected shape" in str(refused.value)


@pytest.mark.parametrize("signature, name, value", WRONG_ROWS)
def test_the_graph_refuses_inputs_with_different_numbers_of_rows(loaded, signature, name, value):
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"`{name}` has another number of"):
        run(loaded, signature, {**requests()[signature], name: value})


def test_warm_up_holds_one_valid_request_a_signature(export, loaded):
    path = export.path / "assets.extra" / "tf_serving_warmup_requests"
    seen = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        seen.append(request.model_spec.signature_name)
        inputs = {key: tf.make_ndarray(proto) for key, proto in request.inputs.items()}
        answer = run(loaded, request.model_spec.signature_name, inputs)
        assert answer["valid"].all() and len(answer["valid"]) == 1
    assert sorted(seen) == sorted(NAMES)


def test_scores_are_the_detectors(loaded, detector):
    inputs = requests()["score"]
    answer = run(loaded, "score", inputs)
    assert answer.pop("valid").all()
    expected = detector[0].score(inputs["image"], inputs["label"])
    assert answer.keys() == expected.keys()
    for name, values in expected.items():
        assert answer[name].dtype == values.dtype, name
        np.testing.assert_allclose(answer[name], values, rtol=1e-4, atol=1e-4, err_msg=name)
    np.testing.assert_array_equal(answer["p_value"], answer["p_value_typicality"])


def test_assets_say_where_the_model_comes_from(export, run, detector):
    extra = export.path / "assets.extra"
    assert json.loads((extra / "config.json").read_text()) == run.read_config()
    pictures = json.loads((extra / "pictures.json").read_text())
    assert Preparation(**pictures) == Preparation(CONFIG.image_shape, "center_crop")
    source = json.loads((extra / "source.json").read_text())
    assert source == export.source
    assert source["run"] == "digits" and source["step"] == STEP
    assert source["weights"] == "averaged" and source["precision"] == "float32"
    # The detector is named, and there.
    assert source["detector"] == {
        "file": "../detector.json",
        "statistic": "typicality",
        "num_draws": 2,
        "seed": 0,
        "calibration_images": 30,
    }
    kept = Detector.load(extra / "detector.json", averaged_glow()).calibration
    assert kept.to_dict() == detector[0].calibration.to_dict()
    # From the folder of all versions, the run is found again.
    assert (export.path.parent / source["run_dir"]).resolve() == run.path.resolve()
    assert (run.path / f"{source['checkpoint']}.index").exists()
    # The evaluation of these weights, not the run's last one.
    evaluation = json.loads((extra / "evaluation.json").read_text())
    assert evaluation == export.evaluation == run.metrics()[1]
    assert export.bits_per_dim == 3.5


def test_nothing_in_it_is_compiled_by_xla_or_names_this_machine(export):
    data = (export.path / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(data).meta_graphs
    functions = graph.graph_def.library.function
    assert len(functions) > 10
    compiled = [f.signature.name for f in functions if f.attr["_XlaMustCompile"].b]
    nodes = [n for f in functions for n in f.node_def] + list(graph.graph_def.node)
    compiled += [node.name for node in nodes if node.attr["_XlaMustCompile"].b]
    assert compiled == []
    assert not re.search(rb"\.py\b", data)
    root = Path(__file__).resolve().parents[2]
    assert os.fsencode(root) not in data


def test_weights_are_variables_and_not_constants(export):
    """A GraphDef may hold 2 GiB, and every function its own copy of a constant."""
    data = (export.path / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(data).meta_graphs
    nodes = [n for f in graph.graph_def.library.function for n in f.node_def]
    constants = [n.attr["value"].tensor for n in nodes if n.op == "Const"]
    # Weights are float32; a detector's numbers are float64, and used in one place.
    constants = [tensor for tensor in constants if tensor.dtype != types_pb2.DT_DOUBLE]
    assert max(tf.make_ndarray(tensor).size for tensor in constants) < 128


def test_no_gradients_are_exported(export):
    """A custom gradient would be traced and saved: functions that nobody who serves can call."""
    data = (export.path / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(data).meta_graphs
    library = graph.graph_def.library
    assert len(library.registered_gradients) == 0
    assert "IdentityN" not in {n.op for f in library.function for n in f.node_def}


@pytest.mark.slow
def test_saved_model_cli_runs_it(export, functions, tmp_path):
    arguments = [
        *("run", "--dir", str(export.path), "--tag_set", "serve", "--signature_def", "sample"),
        *("--input_exprs", "seed=[3, 4];temperature=[0.7, 1.0];label=[2, 0]"),
        *("--outdir", "out"),
    ]
    with Forked(saved_model_cli.__file__, *arguments, cwd=tmp_path) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    out = tmp_path / "out"
    assert sorted(os.listdir(out)) == ["image.npy", "latent.npy", "valid.npy"]
    inputs = {"seed": np.array([3, 4]), "temperature": np.array([0.7, 1.0], np.float32)}
    inputs["label"] = np.array([2, 0], np.int32)
    expected = functions["sample"](**{k: tf.constant(v) for k, v in inputs.items()})
    np.testing.assert_array_equal(np.load(out / "latent.npy"), expected["latent"])
    difference = np.load(out / "image.npy").astype(int) - expected["image"].numpy()
    assert np.abs(difference).max() <= 1
