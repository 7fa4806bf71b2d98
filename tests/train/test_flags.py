import dataclasses

import pytest

from tfglow import GlowConfig
from train.config import TrainConfig
from train.flags import OneSentenceParser, add_config_flags, config_from_flags, field_comments
from train.presets import PRESETS


def parse(*arguments):
    parser = OneSentenceParser(prog="main.py")
    add_config_flags(parser)
    return config_from_flags(parser.parse_args(arguments))


def test_no_flags_give_the_digits():
    assert parse() == PRESETS["digits"]


def test_flags_change_the_preset():
    config = parse(
        "--preset=tiny",
        "--image_shape=16,16,3",
        "--width=5",
        "--flip",
        "--learn_top=false",
        "--learning_rate=2e-4",
        "--clip_norm=none",
        "--jit_compile",
        "--sample_temperatures=0.7",
        "--data_dir=/data",
    )
    tiny = PRESETS["tiny"]
    model = dataclasses.replace(tiny.model, image_shape=(16, 16, 3), width=5, learn_top=False)
    expected = dataclasses.replace(
        tiny,
        model=model,
        flip=True,
        learning_rate=2e-4,
        jit_compile=True,
        sample_temperatures=(0.7,),
        data_dir="/data",
    )
    assert config == expected


@pytest.mark.parametrize("config_class", [TrainConfig, GlowConfig])
def test_every_field_is_a_flag_with_its_comment_as_help(config_class, capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    for field, comment in field_comments(config_class).items():
        assert comment
        if field != "model":
            assert f"--{field} " in text
            assert " ".join(comment.split()[:5]) in text


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--learning_rat=3", "Unknown flag '--learning_rat'; did you mean --learning_rate"),
        ("--qwertz", "Unknown flag '--qwertz'; see --help."),
        ("--batch", "Unknown flag '--batch'"),
        ("here", "Unknown argument 'here'"),
        ("--batch_size=many", "argument --batch_size: invalid integer value: 'many'"),
        ("--image_shape=8,8,x", "argument --image_shape: invalid integer value: '8,8,x'"),
        ("--flip=perhaps", "argument --flip: invalid true or false value: 'perhaps'"),
    ],
)
def test_a_wrong_flag_is_one_sentence(argument, message, capsys):
    with pytest.raises(SystemExit) as exit_info:
        parse(argument)
    assert exit_info.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"main.py: {message}")
    assert error.count("\n") == 1


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match="Unknown preset 'cifar'; did you mean cifar10"):
        parse("--preset=cifar")
    with pytest.raises(ValueError, match="Unknown preset 'x'; known are digits, cifar10"):
        parse("--preset=x")


def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`width` must be an integer >= 1, got 0"):
        parse("--width=0")
    with pytest.raises(ValueError, match="`epochs` must be at least 1, got 0"):
        parse("--epochs=0")
