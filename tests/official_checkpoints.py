"""Checkpoints of the official code: one is here, another beside the checkout."""

from pathlib import Path

import pytest

from tests.source_imports import ROOT

_HERE = ROOT / "tests" / "official_checkpoint"
_BESIDE = ROOT.parent / "shared" / "official"


def official_folder(name: str) -> Path:
    """The folder of a checkpoint with its numbers; skips the test where there is none."""
    for folder in (_HERE / name, _BESIDE / name):
        if folder.is_dir():
            return folder
    pytest.skip(f"The official implementation's checkpoint {name!r} is not in {_BESIDE}.")
