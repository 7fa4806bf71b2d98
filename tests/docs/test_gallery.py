"""The gallery: its pictures are there, small, and its commands are ones that exist."""

import re
import shlex

import pytest

from tests.source_imports import ROOT
from train import main
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
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", GALLERY, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line for block in BLOCKS for line in block.replace("\\\n", "").splitlines() if line.strip()
]
PROGRAMS = {
    "train/experiments/attributes.py": attributes.main,
    "train/experiments/compare.py": compare.main,
    "train/experiments/conditional.py": conditional.main,
    "train/experiments/depth_and_bits.py": depth_and_bits.main,
    "train/experiments/interpolate.py": interpolate.main,
    "train/main.py": main.main,
    "train/experiments/paper_table.py": paper_table.main,
    "train/experiments/temperature.py": temperature.main,
}


def test_every_picture_is_shown_and_all_are_small():
    pictures = list((ROOT / "docs" / "gallery").iterdir())
    assert [p.name for p in pictures if f"(gallery/{p.name})" not in GALLERY] == []
    assert sum(picture.stat().st_size for picture in pictures) < 3_000_000


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python train/")])
def test_commands_have_these_flags(command, tmp_path, monkeypatch, capsys):
    """With one unknown flag more, that one is all that is wrong with the command line."""
    monkeypatch.chdir(tmp_path)
    _, program, *arguments = shlex.split(command)
    with pytest.raises(SystemExit) as exit_:
        PROGRAMS[program]([*arguments, "--unknown_flag"])
    assert exit_.value.code == 2
    assert "Unknown flag '--unknown_flag'" in capsys.readouterr().err


def test_there_are_commands_for_every_program():
    assert {shlex.split(c)[1] for c in COMMANDS if "train/" in c} == set(PROGRAMS)
