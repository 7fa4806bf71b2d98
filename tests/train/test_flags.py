import dataclasses

import pytest

from tfglow import GlowConfig, fields
from tfglow.one_sentence_parser import OneSentenceParser
from train.config import TrainConfig
from train.flags import add_config_flags, config_from_flags, flags_of
from train.presets import PRESETS


def parse(*arguments):
    parser = OneSentenceParser(prog="main.py")
    add_config_flags(parser)
    return config_from_flags(parser.parse_args(arguments))


def test_no_flags_give_the_default_preset():
    assert parse() == PRESETS["fashion"]


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
def test_every_field_is_a_flag_with_its_help(config_class, capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    for name, field in fields.fields(config_class).items():
        assert field.help.endswith(".")
        if name != "model":
            assert f"--{name} " in text
            assert field.help[:-1] in text


def test_help_shows_the_default_presets_value_of_every_flag(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "--beta_1 X Decay of the gradient's first moment (default: 0.9)." in text
    assert "--epochs N Epochs to train (default: 10)." in text
    assert "the channels' halves (section 3.3) (default: affine)." in text
    assert "to which a larger one is scaled; none: no clipping (default: none)." in text
    assert (
        "--image_shape X,X,... Height, width and channels of an image (default: 16,16,1)." in text
    )
    assert text.count("(default: ") == len(flags_of(PRESETS["fashion"]).splitlines()) + 1


@pytest.mark.parametrize("name", PRESETS)
def test_flags_give_a_whole_configuration_back(name):
    lines = flags_of(PRESETS[name]).splitlines()
    assert parse("--preset=tiny", *lines) == PRESETS[name]
    assert len({line.partition("=")[0] for line in lines}) == len(lines)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--learning_rat=3", "Unknown flag '--learning_rat'; did you mean --learning_rate"),
        ("--qwertz", "Unknown flag '--qwertz'; see --help."),
        ("--batch", "Unknown flag '--batch'"),
        ("here", "Unknown argument 'here'"),
        ("--batch_size=many", "argument --batch_size: expected an integer, got 'many'"),
        ("--image_shape=8,8,x", "argument --image_shape: expected 3 integers, got '8,8,x'"),
        ("--flip=perhaps", "argument --flip: expected true or false, got 'perhaps'"),
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
    with pytest.raises(ValueError, match="Unknown preset 'x'; known are digits, fashion, cifar10"):
        parse("--preset=x")


def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`width` must be an integer >= 1, got 0"):
        parse("--width=0")
    with pytest.raises(ValueError, match="`epochs` must be an integer >= 1, got 0"):
        parse("--epochs=0")
