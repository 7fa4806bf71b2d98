import pathlib

import pytest

from train.scoring.config import ScoreConfig


def config(**values):
    return ScoreConfig(run_dir=pathlib.Path("r"), data="d", out=pathlib.Path("o"), **values)


def test_what_says_two_things_is_refused():
    assert config(detector=pathlib.Path("d.json")).fit is None
    for name, value in (
        ("fit", "test"),
        ("fit_data", "x"),
        ("draws", 2),
        ("seed", 1),
        ("statistic", "typicality"),
    ):
        with pytest.raises(ValueError, match=f"--{name}={value} and --detector=d.json say two"):
            config(detector=pathlib.Path("d.json"), **{name: value})
    for name in ("masks", "anomalies_split"):
        with pytest.raises(ValueError, match=f"--{name}=x needs --anomalies"):
            config(**{name: "x"})


def test_choices():
    with pytest.raises(ValueError, match="`statistic` must be one of bits_per_dim"):
        config(statistic="bits")
    with pytest.raises(ValueError, match="`bad_images` must be one of skip, stop"):
        config(bad_images="later")
