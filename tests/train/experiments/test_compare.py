"""The comparison as a command: it trains, resumes, and writes what it found."""

import json

import pytest

from train.experiments import compare

PERMUTATIONS = ("invertible_1x1_conv", "shuffle", "reverse")
FLAGS = ["--preset=tiny", "--levels=1", "--epochs=1", "--epoch_images=32", "--eval_images=32"]
FLAGS += ["--strategy=one_device"]


def test_variants_differ_in_nothing_else(tiny):
    configs = compare.variants(tiny, PERMUTATIONS, ["affine", "additive"], [0, 7])
    assert len(configs) == 12
    config = configs["additive-shuffle-seed7"]
    changed = {k: v for k, v in config.model.to_dict().items() if v != tiny.model.to_dict()[k]}
    assert changed == {"coupling": "additive", "permutation": "shuffle", "seed": 7}
    assert {**config.to_dict(), "model": None} == {**tiny.to_dict(), "model": None}


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ((["shuffle", "shuffle"], ["affine"], [0]), "`permutations` must be one or more different"),
        ((["shuffle"], [], [0]), "`couplings` must be one or more different"),
        ((["no_such"], ["affine"], [0]), "`permutation` must be one of .*; got 'no_such'"),
        ((["shuffle"], ["linear"], [0]), "`coupling` must be one of .*; got 'linear'"),
        ((["shuffle"], ["affine"], [-1]), "`seed` must be an integer >= 0, got -1"),
    ],
)
def test_variants_refuse(tiny, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        compare.variants(tiny, *arguments)


@pytest.mark.slow
def test_trains_compares_and_resumes(tmp_path, capsys):
    arguments = [
        f"--compare_dir={tmp_path}",
        "--permutations=shuffle,reverse",
        "--couplings=additive",
        "--seeds=4",  # Three shuffles four channels into their reverse.
        *FLAGS,
    ]
    compare.main(arguments)
    assert "Run 2 of 2 that are missing, additive-reverse-seed4:" in capsys.readouterr().out
    values = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    finals = {}
    for value in values:
        run = tmp_path / f"{value['coupling']}-{value['permutation']}-seed4"
        [line] = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        assert value["bits_per_dim"] == [[json.loads(line)["eval_bits_per_dim"]]]
        finals[value["permutation"]] = value["bits_per_dim"][0][0]
    assert finals["shuffle"] != finals["reverse"]
    table = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert f"{finals['shuffle']:.4f}" in table
    assert (tmp_path / "comparison.png").stat().st_size > 5000

    compare.main(arguments)
    printed = capsys.readouterr().out
    assert "missing" not in printed
    assert table in printed


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--seed=3"], "--seed is what is compared: give --seeds."),
        (["--coupling=affine"], "--coupling is what is compared: give --couplings."),
        (["--permutations=no_such"], "`permutation` must be one of"),
        (["--preset=small"], "Unknown preset 'small'"),
        (["--dataset=none"], "'none'"),
        (["--compare_dir={file}"], "is a file, expected a folder for the results."),
    ],
)
def test_refuses_in_one_sentence(tmp_path, arguments, sentence):
    arguments = [argument.format(file=__file__) for argument in arguments]
    with pytest.raises(SystemExit) as exit_:
        compare.main([f"--compare_dir={tmp_path / 'new'}", *FLAGS, *arguments])
    assert str(exit_.value).startswith("train/experiments/compare.py: ")
    assert sentence in str(exit_.value)
    assert list(tmp_path.iterdir()) == []


def test_refuses_what_is_no_list_of_integers(tmp_path, capsys):
    with pytest.raises(SystemExit):
        compare.main([f"--compare_dir={tmp_path}", "--seeds=0,x"])
    assert capsys.readouterr().err == (
        "train/experiments/compare.py: argument --seeds: expected integers such as 3,8; got '0,x'\n"
    )
