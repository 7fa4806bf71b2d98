"""Samples by class, and the classifier's accuracy."""

import numpy as np
import pytest
import tensorflow as tf

from train.experiments import conditional
from train.experiments.trained_run import images_at

pytestmark = pytest.mark.slow


def test_a_class_a_row_from_the_same_latents(conditional_run):
    images, valid = conditional.samples_by_class(conditional_run.glow, [7, 2], 3, 0.5, seed=4)
    assert images.shape == (2, 3, 8, 8, 1) and valid.all()
    for row, label in zip(images, [7, 2], strict=True):
        expected = conditional_run.glow.sample(3, 0.5, np.full(3, label), seed=4).numpy()
        assert np.abs(expected.astype(int) - row).max() <= 1
    assert (images[0] != images[1]).any()


def test_the_command_prints_the_classifiers_accuracy(conditional_run, tmp_path, capsys):
    output = tmp_path / "classes.png"
    conditional.main(
        [f"--run_dir={conditional_run.folder.path}", "--columns=2", f"--output={output}"]
    )
    height, width, _ = tf.io.decode_png(tf.io.read_file(str(output))).shape
    assert height == 502 and 102 < width < 140  # The digits' names stand to the left.
    data = conditional_run.load_split()
    images, labels = images_at(data, range(data.num_images))
    noise = tf.zeros(images.shape)
    accuracy = conditional_run.glow.objective(images, labels, noise)["accuracy"].numpy().mean()
    printed = capsys.readouterr().out
    [line] = [line for line in printed.splitlines() if "classified right" in line]
    # Another draw of the noise may move an image or two across the border.
    assert abs(float(line.split("%")[0]) / 100 - accuracy) < 0.02


def test_a_class_is_named_once():
    assert conditional.class_label(["0", "1"], 1) == "1"
    assert conditional.class_label(["airplane", "cat"], 1) == "1 cat"


def test_samples_that_are_not_there_are_crossed_out(conditional_run):
    rows = conditional.samples_by_class(conditional_run.glow, [7, 2], 3, 1e35)
    assert not rows.valid.any()
    picture = conditional.class_picture(rows, ["7", "2"])
    assert (picture[26, -98:-54] == 128).sum() == 2 * 20


def test_an_unconditional_run_is_refused(run, tmp_path):
    folder = run.folder.path
    with pytest.raises(SystemExit, match=r"unconditional \(num_classes = 0\): it has no classes"):
        conditional.main([f"--run_dir={folder}", f"--output={tmp_path / 'classes.png'}"])
    assert not (tmp_path / "classes.png").exists()


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--classes=3,10"], r"Labels must be in \[0, 10\), got 10"),
        (["--columns=0"], "`columns` must be at least 1, got 0"),
        (["--temperature=-1"], "`temperature` must be finite and >= 0, got -1"),
    ],
)
def test_the_command_refuses_in_one_sentence(conditional_run, tmp_path, arguments, sentence):
    output = tmp_path / "classes.png"
    with pytest.raises(SystemExit, match=f"^train/experiments/conditional.py: .*{sentence}"):
        conditional.main(
            [f"--run_dir={conditional_run.folder.path}", f"--output={output}", *arguments]
        )
    assert not output.exists()
