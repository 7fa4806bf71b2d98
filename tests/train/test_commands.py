"""The commands of train/ as scripts, from any folder."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

from tests.conftest import REPO

FOLDERS = (REPO / "train", REPO / "train" / "experiments")


@pytest.mark.slow
def test_an_experiment_runs_from_any_folder(tmp_path):
    """As `train/main.py` does in test_run.py."""
    command = "train/experiments/paper_table.py"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, str(REPO / command), "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"usage: {command} ")


def test_every_command_is_called_what_its_path_is():
    for folder in FOLDERS:
        for file in folder.glob("*.py"):
            source = file.read_text(encoding="utf-8")
            if 'if __name__ == "__main__":' in source:
                path = file.relative_to(REPO).as_posix()
                assert f'prog="{path}"' in source
                assert f'sys.exit(f"{path}: {{error}}")' in source


def test_no_module_stands_before_another_of_its_name():
    """Python puts a script's own folder first: `train/train.py` would be `import train`."""
    taken = {*sys.stdlib_module_names, *importlib.metadata.packages_distributions()}
    taken |= {"train", "export", "serving", "benchmarks", "tests"}
    for folder in FOLDERS:
        own = {path.stem for path in folder.iterdir() if path.suffix in (".py", "")}
        assert own & taken == set(), folder
