"""The table of RealNVP and Glow: the paper's figures, ours where they were run."""

import dataclasses
import json

import pytest

from tfglow import GlowConfig
from tfglow.runs.run_folder import RunFolder
from train.experiments import paper_table
from train.presets import PRESETS


def _run(path, bits=4.5, preset="cifar10", **model):
    config = PRESETS[preset]
    fields = {**config.model.to_dict(), "steps": 4, "width": 32, **model}
    config = dataclasses.replace(config, model=GlowConfig.from_dict(fields))
    run = RunFolder.create(path, config.resolved().to_dict())
    lines = [
        {"epoch": 1, "images_seen": 5000, "eval_bits_per_dim": bits},
        {"epoch": 2, "images_seen": 10000},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    run.metrics_path.write_text(text if bits else "", encoding="utf-8")
    return path


def test_the_papers_figures():
    table = paper_table.paper_table()
    assert table.count("\n") == 2 + 6
    assert "| CIFAR-10 | 3.49 |  | 3.35 |  | `realnvp_cifar10`, `cifar10` |" in table
    assert "| LSUN church outdoor | 3.08 |  | 2.67 |  |" in table
    # Glow is better on every data set.
    assert all(row.glow < row.real_nvp for row in paper_table.PAPER)


@pytest.mark.parametrize("row", paper_table.PAPER, ids=lambda row: row.preset)
def test_the_presets_are_there_and_differ_in_the_permutation_alone(row):
    glow, real_nvp = PRESETS[row.preset], PRESETS[f"realnvp_{row.preset}"]
    assert glow.dataset == row.dataset
    assert glow.model.image_shape == (row.size, row.size, 3)
    assert (glow.model.coupling, glow.model.permutation) == ("affine", "invertible_1x1_conv")
    assert real_nvp.model == dataclasses.replace(glow.model, permutation="shuffle")
    assert dataclasses.replace(real_nvp, model=glow.model) == glow


def test_the_ablations_preset_is_the_papers():
    model = PRESETS["paper_ablation"].model
    assert (model.steps, model.levels, model.width) == (32, 3, 512)
    assert PRESETS["paper_ablation"].dataset == "cifar10"


def test_ours_stand_beside_with_their_size(tmp_path):
    runs = [
        _run(tmp_path / "a", 4.7),
        _run(tmp_path / "b", 4.456),
        _run(tmp_path / "c", 5.0, permutation="shuffle", levels=2),
    ]
    table = paper_table.paper_table([paper_table.OwnResult.read(run) for run in runs])
    assert (
        "| CIFAR-10 | 3.49 | 5.00 (L = 2, K = 4, width 32, 5,000 images seen) | 3.35 | "
        "4.46 (L = 3, K = 4, width 32, 5,000 images seen) |"
    ) in table


def test_the_command_prints_and_writes_it(tmp_path, capsys):
    output = tmp_path / "table.md"
    paper_table.main(["--runs", str(_run(tmp_path / "a")), f"--output={output}"])
    assert output.read_text(encoding="utf-8") == capsys.readouterr().out
    assert "4.50 (L = 3" in output.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "run, sentence",
    [
        ({"permutation": "reverse"}, "neither RealNVP .* permutation = 'reverse'"),
        ({"coupling": "additive"}, "neither RealNVP .* coupling = 'additive'"),
        ({"num_bits": 5}, "neither RealNVP .* num_bits = 5"),
        ({"image_shape": [16, 16, 3]}, r"'cifar10' at \(16, 16, 3\), which is not in the table"),
        ({"preset": "celeba_hq256", "num_bits": 8, "coupling": "affine"}, "not in the table"),
        ({"bits": None}, "was not evaluated yet"),
    ],
)
def test_refuses_other_runs_in_one_sentence(tmp_path, run, sentence):
    folder = _run(tmp_path / "run", **run)
    with pytest.raises(SystemExit, match=f"^train/experiments/paper_table.py: .*{sentence}"):
        paper_table.main(["--runs", str(folder)])
