import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.random_glow import random_glow, randomize
from tfglow.scoring import Detector, statistic_names

pytestmark = pytest.mark.slow

CONFIG = tfglow.GlowConfig(image_shape=(4, 4, 1), levels=1, steps=1, width=4, num_classes=3)


def data(num, seed, low=90, high=160):
    rng = np.random.default_rng(seed)
    images = rng.integers(low, high, (num, 4, 4, 1)).astype(np.uint8)
    return images, rng.integers(0, 3, num)


@pytest.fixture(scope="module", name="glow")
def _glow():
    return random_glow(CONFIG)


@pytest.fixture(scope="module", name="detector")
def _detector(glow):
    return Detector.fit(glow, *data(200, 0), num_draws=2)


def test_scores_arrays_and_data_sets_alike_in_batches_of_any_size(glow, detector):
    images, labels = data(10, 1)
    scores = detector.score(images, labels)
    assert set(statistic_names(1)) < set(scores) and scores["p_value"].shape == (10,)
    np.testing.assert_array_equal(scores["p_value"], scores["p_value_density"])
    dataset = tf.data.Dataset.from_tensor_slices({"image": images, "label": labels}).batch(3)
    for name, value in detector.score(dataset).items():
        np.testing.assert_allclose(value, scores[name], rtol=1e-4, err_msg=name)
    fitted = Detector.fit(
        glow,
        tf.data.Dataset.from_tensor_slices(dict(zip(("image", "label"), data(200, 0), strict=True)))
        .batch(50),
        num_draws=2,
    )  # fmt: skip
    np.testing.assert_allclose(fitted.score(images, labels)["p_value"], scores["p_value"])


def test_odd_images_are_anomalies_and_others_are_not(detector):
    odd, labels = data(50, 2, low=0, high=256)
    assert detector.is_anomaly(odd, labels, alpha=0.05).mean() > 0.9
    same, labels = data(400, 3)
    assert detector.is_anomaly(same, labels, alpha=0.05).mean() < 0.15
    for alpha in (0.0, 0.009, 1.0):
        with pytest.raises(ValueError, match=r"`alpha` must be below 1, and at least 0\.0099"):
            detector.is_anomaly(odd, labels[:50], alpha=alpha)


def test_a_group_is_told_apart_where_its_images_are_not(detector):
    same, labels = data(40, 4)
    alike = detector.score_group(same, labels)
    assert alike.num_images == 40 and alike.p_value > 0.01
    moved, labels = data(40, 5, low=80, high=170)
    assert detector.score_group(moved, labels).p_value < alike.p_value
    with pytest.raises(ValueError, match="no image"):
        detector.score_group(same[:0], labels[:0])


def test_a_file_belongs_to_its_weights(glow, detector, tmp_path):
    path = tmp_path / "detector.json"
    detector.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["detector.json"]
    with pytest.raises(ValueError, match=r"Cannot write '.*no/such"):
        detector.save(tmp_path / "no" / "such.json")
    images, labels = data(10, 1)
    scores = detector.score(images, labels)
    for name, value in Detector.load(path, glow).score(images, labels).items():
        np.testing.assert_array_equal(value, scores[name])
    other = random_glow(CONFIG)
    assert Detector.load(path, other).calibration.seed == 0  # Equal weights.
    randomize(other, seed=1, scale=1e-3)
    with pytest.raises(ValueError, match="was fitted with other weights"):
        Detector.load(path, other)


def test_a_file_belongs_to_its_configuration_too(glow, detector, tmp_path):
    """Of other bits the same weights are another function of an image."""
    path = tmp_path / "detector.json"
    detector.save(path)
    other = random_glow(dataclasses.replace(CONFIG, num_bits=CONFIG.num_bits - 1))
    with pytest.raises(ValueError, match=r"weights and another configuration .*num_bits 8, not 7"):
        Detector.load(path, other)
    same = random_glow(dataclasses.replace(CONFIG, scan_steps=True, seed=9))
    for variable, value in zip(same.variables, glow.variables, strict=True):
        variable.assign(value)
    Detector.load(path, same)
    values = json.loads(path.read_text())
    del values["model"]
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="is no file of a detector: it lacks 'model'"):
        Detector.load(path, glow)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', '{"format": 9}'])
def test_other_files_are_refused(glow, content, tmp_path):
    path = tmp_path / "detector.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"detector\.json' is no file of a detector"):
        Detector.load(path, glow)


def test_a_file_that_cannot_be_read_is_one_sentence(glow, tmp_path):
    with pytest.raises(
        ValueError, match=r"^Cannot read '.*none\.json': No such file or directory\.$"
    ):
        Detector.load(tmp_path / "none.json", glow)
    path = tmp_path / "picture.json"
    path.write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match="is no file of a detector: no text"):
        Detector.load(path, glow)


def test_another_format_is_named(glow, detector, tmp_path):
    path = tmp_path / "detector.json"
    detector.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(ValueError, match="its format is 2, this tfglow reads 1"):
        Detector.load(path, glow)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("statistic", "entropy", "its statistic is 'entropy', expected one of bits_per_dim, "),
        ("num_draws", "x", "`num_draws` must be a positive integer, got 'x'"),
        ("seed", -1, "`seed` must be"),
        ("mean_bits_per_dim", float("nan"), "its mean_bits_per_dim is nan"),
        ("scores", {}, "it has the scores of nothing, expected bits_per_dim"),
        ("scores", [], "'list' object has no attribute 'items'"),
        ("bits_per_dim", [3.0, 2.0], "are no numbers in rising order, one an image"),
        ("bits_per_dim", [float("nan")], "are no numbers in rising order, one an image"),
        ("density", {}, "it lacks 'mean'"),
    ],
)
def test_a_damaged_file_is_refused_as_it_is_loaded(glow, detector, name, value, message, tmp_path):
    path = tmp_path / "detector.json"
    detector.save(path)
    values = json.loads(path.read_text())
    values["calibration"][name] = value
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"detector\.json' is no file of a detector: ") as error:
        Detector.load(path, glow)
    assert message in str(error.value) and not str(error.value).endswith("..")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("points", [], "points of its density must be finite numbers of the shape "),
        ("bandwidth", [], "of its density must be finite numbers of the shape (3, 0), got"),
        ("mean", [1.0], "mean of its density must be finite numbers of the shape "),
        ("bandwidth", "negative", "a bandwidth of its density is not above 0"),
        ("names", "moved", "its density is of bits_level_7, too"),
    ],
)
def test_a_damaged_density_is_refused(glow, detector, name, value, message, tmp_path):
    path = tmp_path / "detector.json"
    detector.save(path)
    values = json.loads(path.read_text())
    density = values["calibration"]["density"]
    changed = {
        "negative": [-1.0 for _ in density["bandwidth"]],
        "moved": ["bits_level_7", *density["names"][1:]],
    }
    density[name] = changed.get(value, value) if isinstance(value, str) else value
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="is no file of a detector") as error:
        Detector.load(path, glow)
    assert message in str(error.value)


def test_images_that_the_model_cannot_take_are_refused_in_a_sentence(detector):
    images, labels = data(4, 0)
    detector.score(images, labels)
    for other in (np.zeros([4, 9, 9, 1], np.uint8), images[0]):
        with pytest.raises(ValueError, match=r"Images must have the shape \[B, "):
            detector.score(other, labels[: len(other)] if other.ndim == 4 else None)
    with pytest.raises(ValueError, match="one an image, got 4 images and 3 labels"):
        detector.score(images, labels[:3])
    with pytest.raises(ValueError, match="`batch_size` must be a positive integer, got 0"):
        detector.score(images, labels, batch_size=0)
    with pytest.raises(ValueError, match=r"dictionaries with `image`; got a list of ndarray"):
        detector.score(list(images))


def test_what_cannot_be_fitted_is_refused(glow):
    with pytest.raises(ValueError, match=r"`statistic` must be one of bits_per_dim, .* 'entropy'"):
        Detector.fit(glow, *data(50, 0), statistic="entropy")
    with pytest.raises(ValueError, match="at least 40 images"):
        Detector.fit(glow, *data(30, 0))
    with pytest.raises(ValueError, match="`labels` go with an array"):
        Detector.fit(glow, [{"image": data(3, 0)[0]}], labels=[0])
