"""The gallery's pictures are there and small; its commands, and those of training, exist."""

import re
import shlex

import pytest

from tests.source_imports import ROOT
from train import evaluate, main, score
from train.experiments import (
    attributes,
    compare,
    conditional,
    depth_and_bits,
    interpolate,
    paper_table,
    temperature,
)

GALLERY = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def commands(page):
    """The lines of a page's bash blocks."""
    sources = re.findall(r"^```bash\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    lines = (line for source in sources for line in source.replace("\\\n", "").splitlines())
    return [line for line in lines if line.strip()]


TRAIN_COMMANDS = [c for c in commands(GALLERY + TRAINING) if c.startswith("python train/")]
PROGRAMS = {
    "train/experiments/attributes.py": attributes.main,
    "train/experiments/compare.py": compare.main,
    "train/experiments/conditional.py": conditional.main,
    "train/experiments/depth_and_bits.py": depth_and_bits.main,
    "train/experiments/interpolate.py": interpolate.main,
    "train/evaluate.py": evaluate.main,
    "train/main.py": main.main,
    "train/score.py": score.main,
    "train/experiments/paper_table.py": paper_table.main,
    "train/experiments/temperature.py": temperature.main,
}


def test_every_picture_is_shown_and_all_are_small():
    pictures = list((ROOT / "docs" / "gallery").iterdir())
    assert [p.name for p in pictures if f"(gallery/{p.name})" not in GALLERY] == []
    assert sum(picture.stat().st_size for picture in pictures) < 3_000_000


@pytest.mark.parametrize("command", TRAIN_COMMANDS)
def test_commands_have_these_flags(command, tmp_path, monkeypatch, capsys):
    """With one unknown flag more, that one is all that is wrong with the command line."""
    monkeypatch.chdir(tmp_path)
    _, program, *arguments = shlex.split(command, comments=True)
    with pytest.raises(SystemExit) as exit_:
        PROGRAMS[program]([*arguments, "--unknown_flag"])
    assert exit_.value.code == 2
    assert "Unknown flag '--unknown_flag'" in capsys.readouterr().err


def test_there_are_commands_for_every_program():
    assert {shlex.split(command)[1] for command in TRAIN_COMMANDS} == set(PROGRAMS)
