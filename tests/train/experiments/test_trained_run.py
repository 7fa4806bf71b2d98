"""Opening a run, and choosing images for its model."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.train.experiments.saved_run import save_run
from tfglow import datasets
from tfglow.runs.run_folder import RunFolder
from train.experiments.trained_run import TrainedRun, decode, encode, images_at, model_labels

pytestmark = pytest.mark.slow


def test_open_restores_the_weights(run):
    images, _ = images_at(run.load_split(), [0, 1])
    again = TrainedRun.open(run.folder.path)
    np.testing.assert_array_equal(run.glow.encode(images), again.glow.encode(images))
    fresh = type(run.glow)(run.config.model)
    assert np.abs(run.glow.encode(images) - fresh.encode(images)).max() > 0.1


def test_images_at_are_those_of_the_split(run):
    data = datasets.load("digits", "test")
    batch = next(iter(data.batches(100, shuffle=False)))
    images, labels = images_at(run.load_split("test"), [70, 3, 3])
    np.testing.assert_array_equal(images, tf.gather(batch["image"], [70, 3, 3]))
    np.testing.assert_array_equal(labels, tf.gather(batch["label"], [70, 3, 3]))
    assert model_labels(run.glow, labels) is None


def test_images_at_refuses_places_that_are_not_there(run):
    data = run.load_split()
    with pytest.raises(ValueError, match=f"no image {data.num_images}: the split 'test'"):
        images_at(data, [data.num_images])


def test_files_are_fitted_to_the_model(run, tmp_path):
    colour = np.full([16, 24, 3], [200, 100, 0], np.uint8)
    tf.io.write_file(str(tmp_path / "a.png"), tf.io.encode_png(colour))
    images = run.read_files([tmp_path / "a.png"])
    assert images.shape == (1, 8, 8, 1)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, round(0.2989 * 200 + 0.587 * 100))
    with pytest.raises(ValueError, match=r"Cannot read the image file .*none\.png"):
        run.read_files([tmp_path / "none.png"])


def test_encode_and_decode_go_by_batches(run):
    images, _ = images_at(run.load_split(), range(7))
    latents = encode(run.glow, images, batch_size=3)
    assert latents.shape == (7, 64)
    np.testing.assert_allclose(latents, run.glow.encode(images), atol=1e-5)
    decoded = decode(run.glow, latents, batch_size=3)
    np.testing.assert_array_equal(decoded.images, images)
    assert decoded.valid.tolist() == [True] * 7


def test_images_that_overflow_are_black_and_marked(run):
    latents = np.zeros([4, 64], np.float32)
    latents[1] = 1e38
    decoded = decode(run.glow, latents, batch_size=3)
    assert decoded.valid.tolist() == [True, False, True, True]
    assert not decoded.images[1].any()
    np.testing.assert_array_equal(decoded.images, run.glow.decode_with_valid(latents)[0])
    rows = decoded.in_rows(2)
    assert rows.valid.tolist() == [[True, False], [True, True]]
    np.testing.assert_array_equal(rows.images[1, 0], decoded.images[2])


def test_in_mixed_precision_the_images_are_those_of_decode(tmp_path):
    """Also which are decodable is told of the flow that decodes, in float32."""
    run = TrainedRun.open(save_run(tmp_path / "run", precision="mixed_bfloat16").path)
    images, _ = images_at(run.load_split(), range(5))
    decoded = decode(run.glow, encode(run.glow, images))
    np.testing.assert_array_equal(decoded.images, images)


def test_a_run_that_was_not_trained_here_names_no_data(run, tmp_path):
    model = dataclasses.asdict(run.config.model)
    folder = RunFolder.create(tmp_path / "imported", {"model": model})
    folder.save_glow(run.glow)
    with pytest.warns(UserWarning, match="holds no moving average of the weights"):
        imported = TrainedRun.open(folder.path)
    with pytest.raises(ValueError, match="was not trained here and names no data set"):
        imported.load_split()
