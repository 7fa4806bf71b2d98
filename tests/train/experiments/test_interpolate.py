"""Interpolation between images, and its command."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from train.experiments import interpolate
from train.experiments.trained_run import Decoded, images_at

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_the_ends_are_the_images_and_the_middle_is_the_latents(run, path):
    (first, second), _ = images_at(run.load_split(), [3, 8])
    images, valid = interpolate.interpolate_images(run.glow, first, second, 5, path)
    assert images.shape == (5, 8, 8, 1) and valid.all()
    np.testing.assert_array_equal(images[[0, -1]], [first, second])
    z = run.glow.encode(np.stack([first, second])).numpy()
    if path == "linear":
        middle = run.glow.decode(z.mean(axis=0, keepdims=True)).numpy()[0]
        assert np.abs(images[2].astype(int) - middle).max() <= 1


def test_a_conditional_model_takes_the_label_of_the_nearer_end(conditional_run):
    run = conditional_run
    images, labels = images_at(run.load_split(), [3, 8])
    rows, valid = interpolate.interpolate_pairs(run.glow, images, 4, labels=labels)
    assert rows.shape == (1, 4, 8, 8, 1) and valid.shape == (1, 4)
    np.testing.assert_array_equal(rows[0, [0, -1]], images)
    with pytest.raises(ValueError, match="needs `labels`"):
        interpolate.interpolate_pairs(run.glow, images, 4)


def test_an_odd_number_of_images_makes_no_pairs(run):
    images, _ = images_at(run.load_split(), [1, 2, 3])
    with pytest.raises(ValueError, match="an even number of images, two a path; got 3"):
        interpolate.interpolate_pairs(run.glow, images, 4)


def test_the_command_writes_a_strip_and_a_gif(run, tmp_path, capsys):
    strip, gif = tmp_path / "strip.png", tmp_path / "strip.gif"
    interpolate.main(
        [
            f"--run_dir={run.folder.path}",
            "--indices=3,8,0,1",
            "--steps=6",
            f"--output={strip}",
            f"--gif={gif}",
        ]
    )
    picture = tf.io.decode_png(tf.io.read_file(str(strip))).numpy()
    # Enlarged 6 times, a gap of 2 pixels between 6 columns and 2 rows.
    assert picture.shape == (2 * 50 + 2, 6 * 50 + 2, 1)
    images, _ = images_at(run.load_split(), [3, 8])
    np.testing.assert_array_equal(picture[2:50:6, 2:50:6], images[0])
    np.testing.assert_array_equal(picture[2:50:6, 252:300:6], images[1])
    with Image.open(gif) as animation:
        assert animation.is_animated
        assert animation.n_frames == 6 + 4  # There, and back.
        np.testing.assert_array_equal(
            np.asarray(animation.convert("L"))[2:50:6, 2:50:6], images[0, :, :, 0]
        )
    assert str(strip) in capsys.readouterr().out


def test_images_that_are_not_there_are_crossed_out(tmp_path):
    rows = Decoded(np.zeros([1, 2, 8, 8, 1], np.uint8), np.array([[True, False]]))
    interpolate.write_interpolation(rows, tmp_path / "a.png", tmp_path / "a.gif")
    picture = tf.io.decode_png(tf.io.read_file(str(tmp_path / "a.png"))).numpy()
    assert (picture[26, [20, 54], 0] == [0, 128]).all()
    with Image.open(tmp_path / "a.gif") as animation:
        animation.seek(1)
        assert np.asarray(animation.convert("L"))[26, 4] == 128


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--output=a.jpg", "--indices=1,2"], "'a.jpg' must end in .png."),
        (["--output=none/a.png", "--indices=1,2"], "The folder of 'none/a.png' does not exist."),
        (["--output=a.png"], "either as --files or as --indices"),
        (["--output=a.png", "--indices=1,2", "--files", "b.png"], "either as --files or as"),
        (["--output=a.png", "--indices=1,99999"], "There is no image 99999"),
        (["--output=a.png", "--indices=1,2", "--path=round"], "`path` must be one of linear"),
        (["--output=a.png", "--indices=1,2", "--labels=1,2"], "--labels are for --files"),
        (["--output=a.png", "--indices=1,2", "--split=dev"], "Unknown split 'dev'"),
        (
            ["--output=a.png", "--labels=1", "--files", "b.png", "c.png"],
            "--labels must be one for each of the 2 files, got 1.",
        ),
        (["--output=a.png", "--files", "b.png", "c.png"], "Cannot read the image file 'b.png'"),
    ],
)
def test_the_command_refuses_in_one_sentence(run, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        interpolate.main([f"--run_dir={run.folder.path}", *arguments])
    assert str(exit_.value).startswith("train/experiments/interpolate.py: ")
    assert sentence in str(exit_.value)
    assert list(tmp_path.iterdir()) == []
