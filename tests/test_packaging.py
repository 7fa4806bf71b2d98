"""The wheel holds the library and its data, and nothing else."""

import email.parser
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

import tfglow
from tests.source_imports import ROOT

pytest.importorskip("setuptools", minversion="77", reason="The build needs setuptools 77.")

DATA = {
    "tfglow/py.typed",
    "tfglow/datasets/digits/digits.npz",
    "tfglow/datasets/digits/ATTRIBUTION.md",
    "tfglow/datasets/fashion/fashion.npz",
    "tfglow/datasets/fashion/ATTRIBUTION.md",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel of a copy of the checkout: what an earlier build left must not get in."""
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("tfglow", "train", "export", "serving", "benchmarks", "tests"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=ignore)
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('dist'))"
    command = [sys.executable, "-c", build]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(source / "dist" / done.stdout.split()[-1]) as file:
        yield file


def _dist_info() -> str:
    return f"tfglow-{tfglow.__version__}.dist-info"


def test_wheel_holds_tfglow_only(wheel):
    names = wheel.namelist()
    assert {name.split("/")[0] for name in names} == {"tfglow", _dist_info()}
    assert f"{_dist_info()}/top_level.txt" in names
    assert wheel.read(f"{_dist_info()}/top_level.txt").decode().split() == ["tfglow"]


def test_wheel_holds_all_of_tfglow(wheel):
    library = pathlib.Path(ROOT / "tfglow")
    source = {
        file.relative_to(ROOT).as_posix()
        for file in library.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert source >= DATA
    assert {name for name in wheel.namelist() if name.startswith("tfglow/")} == source


def test_wheel_carries_version_and_licences(wheel):
    metadata = email.parser.BytesParser().parsebytes(wheel.read(f"{_dist_info()}/METADATA"))
    assert metadata["Name"] == "tfglow"
    assert metadata["Version"] == tfglow.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-4.0 AND MIT"
    licences = metadata.get_all("License-File")
    assert sum(licence.endswith("ATTRIBUTION.md") for licence in licences) == 2
    for licence in licences:
        assert f"{_dist_info()}/licenses/{licence}" in wheel.namelist()
    assert set(metadata.get_all("Provides-Extra")) == {
        "train",
        "serving",
        "demo",
        "docs",
        "onnx",
        "scoring",
        "bench",
        "cuda",
        "test",
    }
