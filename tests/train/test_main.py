import dataclasses
import os

import pytest
import tensorflow as tf

from train import main as command
from train.flags import without_preset
from train.presets import EMBEDDED_PRESETS, PRESETS


@pytest.fixture(autouse=True)
def _an_empty_folder(tmp_path_factory, monkeypatch):
    """The current folder: where runs/fashion is there already, the default run goes on with it."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))


def failure(*arguments):
    """What the command says of wrong arguments, in this process."""
    with pytest.raises(SystemExit) as exit_info:
        command.main(list(arguments))
    assert exit_info.value.code not in (0, None)
    return str(exit_info.value.code)


def test_a_folder_of_something_else_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    text = failure("--preset=tiny", f"--run_dir={tmp_path}")
    assert text.startswith(f"train/main.py: {str(tmp_path)!r} holds") and "\n" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset=tinny"], "Unknown preset 'tinny'; did you mean tiny?"),
        (["--dataset=folder"], "The data set 'folder' needs `data_dir`"),
        (["--preset=tiny", "--dataset=folder"], "The data set 'folder' needs `data_dir`"),
        (["--preset=tiny", "--dataset=nothing"], "Unknown data set 'nothing'"),
        (["--preset=tiny", "--image_shape=10,10,1"], "needs a height and width divisible by 4"),
        (["--preset=tiny", "--batch_size=5000"], "A batch of 5000 images needs 5000 images"),
        (["--preset=tiny", "--num_classes=3"], "`num_classes` = 3 does not fit the data set"),
        (["--preset=tiny", "--strategy=multi_worker_mirrored"], "TF_CONFIG"),
        (["--preset=tiny", "--learning_rate=-1"], "`learning_rate` must be a finite number > 0"),
    ],
)
def test_bad_input_is_one_sentence(arguments, message, tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    text = failure(*arguments, f"--run_dir={tmp_path / 'run'}")
    assert text.startswith("train/main.py: ")
    assert message in text
    assert "\n" not in text
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_empty_folder_and_an_unreadable_image_are_one_sentence(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    flags = ["--preset=tiny", "--dataset=folder", f"--data_dir={images}"]
    flags.append(f"--run_dir={tmp_path / 'run'}")
    assert f"The folder {str(images)!r} holds no image" in failure(*flags)
    picture = tf.io.encode_png(tf.zeros([8, 8, 1], tf.uint8)).numpy()
    for index in range(40):
        (images / f"{index}.png").write_bytes(picture)
    (images / "broken.png").write_bytes(picture[:20])
    assert "Cannot read the image file" in failure(*flags)
    # Random crops are read while they are trained on.
    text = failure(*flags, "--resize=random_crop")
    assert "broken.png" in text
    assert "\n" not in text


def test_the_default_is_the_clothes():
    config, run_dir = command.parse([])
    assert config == PRESETS["fashion"]
    assert run_dir == os.path.join("runs", "fashion")


def test_the_run_folder_is_named_after_the_preset():
    assert command.parse(["--preset=cifar10"])[1] == os.path.join("runs", "cifar10")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([], "mirrored"),
        (["--preset=tiny", "--strategy=cpu_mirrored"], "cpu_mirrored"),
        (["--dataset=folder", "--data_dir=/nowhere"], "mirrored"),
        (["--dataset=folder", "--data_dir=/nowhere", "--strategy=one_device"], "one_device"),
    ],
)
def test_the_strategy_is_known_before_the_data(arguments, name):
    assert command.strategy_name(command.read_flags(arguments)) == name


def test_a_place_of_unknown_data_is_refused(tmp_path):
    text = failure(f"--data_dir={tmp_path}")
    assert f"--data_dir={tmp_path} needs --dataset=folder" in text


@pytest.mark.parametrize("name", EMBEDDED_PRESETS)
def test_an_embedded_data_set_by_name_is_its_preset(tmp_path, name):
    config, run_dir = command.parse([f"--dataset={name}", f"--data_dir={tmp_path}"])
    assert config == dataclasses.replace(PRESETS[name], data_dir=str(tmp_path))
    assert run_dir == os.path.join("runs", name)


def test_without_a_preset_flags_win_over_what_suits_the_data(shared_dir):
    data = ["--dataset=cifar10", f"--data_dir={shared_dir / 'tfds'}"]
    flags = command.read_flags([*data, "--width=24", "--batch_size=6", "--epochs=1"])
    config, run_dir = command.configure(flags)
    assert (config.model.width, config.batch_size, config.epochs) == (24, 6, 1)
    assert (config.model.num_bits, config.model.levels) == (8, 3)
    assert run_dir == os.path.join("runs", "cifar10")
    line = without_preset(flags, config)
    assert "--image_shape=32,32,3 --num_bits=8 --levels=3" in line and "\n" not in line
    assert "--width" not in line and "--batch_size" not in line
    assert "--preset=cifar10 or " in line
    # The line's flags say the same, whatever the data set is.
    chosen = line.partition(": ")[2].partition(" (")[0].split()
    given = [*data, "--width=24", "--batch_size=6", "--epochs=1", "--preset=cifar10", *chosen]
    again, _ = command.parse([*given, "--shift=0", "--init_images=none"])
    not_chosen = {"sample_images": 64, "eval_every": 1, "sample_every": 1, "average_share": 0.05}
    assert dataclasses.replace(again, **not_chosen) == config


def test_a_version_of_a_data_set_has_its_preset_too(shared_dir):
    data = ["--dataset=cifar10:3.0.2", f"--data_dir={shared_dir / 'tfds'}"]
    flags = command.read_flags(data)
    assert "(for cifar10 there is --preset=cifar10 or " in without_preset(
        flags, command.configure(flags)[0]
    )


def test_the_configuration_is_printed_as_flags_that_give_it(capsys):
    command.main(["--preset=imagenet64", "--width=24", "--print_config"])
    lines = capsys.readouterr().out.splitlines()
    assert {"--width=24", "--batch_size=128", "--warmup_steps=980"} <= set(lines)
    expected = command.parse(["--preset=imagenet64", "--width=24"])[0].resolved()
    assert command.parse(["--preset=tiny", *lines])[0] == expected


def test_the_image_size_is_that_of_the_folders_that_are_said(tmp_path):
    for place, side in (("a", 8), ("b", 8), ("large", 16)):
        (tmp_path / place).mkdir()
        for i in range(20):
            picture = tf.io.encode_png(tf.zeros([side, side, 1], tf.uint8)).numpy()
            (tmp_path / place / f"{i}.png").write_bytes(picture)
    data = ["--dataset=folder", f"--data_dir={tmp_path}"]
    config, _ = command.parse([*data, "--train_folder=a", "--test_folder=b"])
    assert config.model.image_shape == (8, 8, 1)
    assert (config.train_folder, config.test_folder) == ("a", "b")
    with pytest.raises(ValueError, match="differ in size, 8x8 in 'train', 16x16 in 'test'"):
        command.parse([*data, "--train_folder=a", "--test_folder=large"])
    with pytest.raises(ValueError, match=r"differ in size, .* of 8x8 \(.*\), .* of 16x16"):
        command.parse(data)


def test_another_data_set_comes_in_its_own_size(shared_dir):
    data = ["--dataset=cifar10", f"--data_dir={shared_dir / 'tfds'}"]
    config, _ = command.parse(data)
    assert config.model.image_shape == (32, 32, 3)
    config, _ = command.parse([*data, "--image_shape=16,16,1"])
    assert config.model.image_shape == (16, 16, 1)
    config, _ = command.parse([*data, "--preset=tiny"])
    assert config.model.image_shape == (8, 8, 1)
