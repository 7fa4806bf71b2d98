"""Attribute directions of a run: found, applied, and their command."""

import numpy as np
import pytest
import tensorflow as tf

from tfglow.latents import AttributeDirections
from train.experiments import attributes
from train.experiments.attribute_fitting import directions_from_labels, directions_from_table
from train.experiments.trained_run import encode, images_at

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def labelled(run):
    """The test split's latents and labels."""
    data = run.load_split("test")
    images, labels = images_at(data, range(data.num_images))
    return encode(run.glow, images), labels


def test_a_pair_is_the_difference_of_two_means(run, labelled):
    latents, labels = labelled
    directions = directions_from_labels(run, run.load_split("test"), [("3", "8"), ("8", "3")])
    assert directions.names == ("3:8", "8:3")
    expected = latents[labels == 8].mean(axis=0) - latents[labels == 3].mean(axis=0)
    np.testing.assert_allclose(directions["3:8"], expected, atol=1e-5)
    np.testing.assert_allclose(directions["8:3"], -expected, atol=1e-5)


def test_without_pairs_each_class_is_set_against_the_rest(run, labelled):
    latents, labels = labelled
    directions = directions_from_labels(run, run.load_split("test"))
    assert directions.names == tuple("0123456789")
    expected = latents[labels == 4].mean(axis=0) - latents[labels != 4].mean(axis=0)
    np.testing.assert_allclose(directions["4"], expected, atol=1e-5)


def test_a_table_of_files_gives_the_same(run, tmp_path):
    images, labels = images_at(run.load_split("test"), range(20))
    lines = ["file,even"]
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        tf.io.write_file(str(tmp_path / f"{index}.png"), tf.io.encode_png(image))
        lines.append(f"{index}.png,{1 if label % 2 == 0 else -1}")
    (tmp_path / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    directions = directions_from_table(run, tmp_path / "table.csv", tmp_path)
    latents = encode(run.glow, images)
    even = labels % 2 == 0
    expected = latents[even].mean(axis=0) - latents[~even].mean(axis=0)
    np.testing.assert_allclose(directions["even"], expected, atol=1e-5)


def test_strength_0_is_the_image_and_more_moves_along(run):
    data = run.load_split("test")
    directions = directions_from_labels(run, data, [("3", "8")])
    images, _ = images_at(data, [3, 5])
    changed, valid = attributes.apply_direction(
        run.glow, images, directions, "3:8", [-1.0, 0.0, 2.0]
    )
    assert changed.shape == (2, 3, 8, 8, 1) and valid.all() and valid.shape == (2, 3)
    np.testing.assert_array_equal(changed[:, 1], images)
    z = run.glow.encode(images).numpy() + 2.0 * directions["3:8"]
    expected = run.glow.decode(z).numpy()
    assert np.abs(expected.astype(int) - changed[:, 2]).max() <= 1


def test_crosses_out_the_images_that_a_direction_has_lost(run, tmp_path, capsys):
    npz, png = tmp_path / "d.npz", tmp_path / "d.png"
    AttributeDirections(("far",), np.full([1, 64], 1.0)).save(npz)
    which = [f"--run_dir={run.folder.path}", f"--directions={npz}", "--attribute=far"]
    attributes.main(["apply", *which, "--indices=3,5", "--strengths=0,1e38", f"--output={png}"])
    assert "2 of 4 images along 'far' are crossed out: so far from" in capsys.readouterr().out
    picture = tf.io.decode_png(tf.io.read_file(str(png))).numpy()[-102:, -102:]
    images, _ = images_at(run.load_split("test"), [3, 5])
    np.testing.assert_array_equal(picture[2:50:6, 2:50:6], images[0])
    np.testing.assert_array_equal(picture[52:100:6, 2:50:6], images[1])
    assert (picture[[26, 76], 54] == 128).all()


def test_a_conditional_model_takes_its_labels(conditional_run, tmp_path):
    run = conditional_run
    data = run.load_split("test")
    directions = directions_from_labels(run, data, [("3", "8")])
    images, labels = images_at(data, [3, 5])
    changed, _ = attributes.apply_direction(run.glow, images, directions, "3:8", [0.0, 1.0], labels)
    np.testing.assert_array_equal(changed[:, 0], images)
    with pytest.raises(ValueError, match="are for unconditional models"):
        directions_from_table(run, "table.csv", tmp_path)


def test_the_commands_find_and_apply(run, tmp_path):
    npz, png = tmp_path / "d.npz", tmp_path / "d.png"
    common = [f"--run_dir={run.folder.path}"]
    attributes.main(["find", *common, "--split=test", "--pairs=3:8,1:7", f"--output={npz}"])
    assert AttributeDirections.load(npz).names == ("3:8", "1:7")
    apply = ["apply", *common, f"--directions={npz}", "--attribute=1:7", "--indices=1,11"]
    attributes.main([*apply, "--strengths=-1,0,1", f"--output={png}"])
    height, width, _ = tf.io.decode_png(tf.io.read_file(str(png))).shape
    assert height > 2 * 50 + 2 and width == 3 * 50 + 2  # The strengths stand above.


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["find", "--pairs=3-8", "--output=d.npz"], "A pair is two classes, A:B, got '3-8'."),
        (["find", "--pairs=3:x", "--output=d.npz"], "has no class 'x'; it has 0, 1, 2"),
        (["find", "--output=d.npy"], "'d.npy' must end in .npz."),
        (["find", "--table=t.csv", "--output=d.npz"], "needs the --folder of its files"),
        (["find", "--table=t.csv", "--folder=.", "--output=d.npz"], "Cannot read the table"),
        (
            ["find", "--table=t.csv", "--folder=.", "--images=3", "--output=d.npz"],
            "--images is of a data set; a --table has its own files and attributes.",
        ),
        (["find", "--images=-3", "--output=d.npz"], "--images must be at least 1, got -3."),
        (
            ["apply", "--directions=d.npz", "--attribute=a", "--indices=1", "--output=d.png"],
            "cannot read d.npz as .npz or .npy: No such file",
        ),
    ],
)
def test_the_commands_refuse_in_one_sentence(run, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    command, *rest = arguments
    with pytest.raises(SystemExit) as exit_:
        attributes.main([command, f"--run_dir={run.folder.path}", *rest])
    assert str(exit_.value).startswith("train/experiments/attributes.py: ")
    assert sentence in str(exit_.value)
    assert list(tmp_path.iterdir()) == []
