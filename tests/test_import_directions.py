"""Imports run one way: applications import the library, and its layers those below them."""

import pathlib

import pytest

from tests.source_imports import ROOT, imports, modules

# The library from the bottom up. A part imports only parts of layers below its own.
LAYERS = (
    {
        "counting",
        "distribution_recipe",
        "fields",
        "keras_backend",
        "lazy_parts",
        "local_paths",
        "log_filter",
        "writing",
    },
    {"whole_files"},
    {
        "array_files",
        "held_variables",
        "keras_classes",
        "keras_variable",
        "ops",
        "pictures",
        "saved_format",
        "tensorflow_log",
        "version_folders",
    },
    {
        "checks",
        "config",
        "flags",
        "keras_calls",
        "named_weights",
        "objective_model",
        "one_sentence_parser",
    },
    {"networks", "optimizers", "datasets"},
    {"bijectors"},
    {"likelihood", "flow_distribution", "frozen_flow"},
    {"keras_layers"},
    {"image_flow"},
    {"frozen_glow"},
    {"glow"},
    {"transfer", "scoring"},
    {"runs"},
    {"official", "latents"},
    {"pretrained"},
)
APPLICATIONS = ("train", "export", "serving")
# Whatever these need, they import; nobody imports them.
OUTSIDE = ("benchmarks", "tests")


def violations(root: pathlib.Path) -> list[str]:
    """One sentence for each import under `root` that runs the wrong way."""
    owned = {name: modules(root, name) for name in ("tfglow", *APPLICATIONS, *OUTSIDE)}
    known = {name: file for group in owned.values() for name, file in group.items()}
    found = []
    for owner in ("tfglow", *APPLICATIONS):
        for name in owned[owner]:
            for line in imports(name, known):
                problem = _problem(name, line.target)
                if problem:
                    file = line.file.relative_to(root).as_posix()
                    found.append(f"{file}:{line.line} imports {line.target}: {problem}.")
    return found


def _problem(name: str, target: str) -> str | None:
    """What is wrong with the module `name` importing `target`; None if nothing is."""
    owner, _, inner = name.partition(".")
    target_owner, _, target_inner = target.partition(".")
    if target_owner in OUTSIDE:
        return f"nothing imports {target_owner}"
    if target_owner in APPLICATIONS and target_owner != owner:
        if owner == "tfglow":
            return "the library imports no application"
        return f"{owner} and {target_owner} share code through tfglow"
    # The library's __init__ gathers what is public, from all layers.
    if owner != "tfglow" or target_owner != "tfglow" or not inner:
        return None
    if not target_inner:
        return "a part of the library imports modules of it, not the whole"
    part, target_part = inner.split(".")[0], target_inner.split(".")[0]
    for unplaced in {part, target_part} - set().union(*LAYERS):
        return f"tfglow.{unplaced} is in no layer of {pathlib.Path(__file__).name}"
    if part != target_part and _layer(target_part) >= _layer(part):
        return f"tfglow.{target_part} is not below tfglow.{part}"
    return None


def _layer(part: str) -> int:
    return next(height for height, parts in enumerate(LAYERS) if part in parts)


def test_imports_run_one_way():
    assert violations(ROOT) == []


def test_every_part_of_the_library_has_a_layer():
    parts = {name.split(".")[1] for name in modules(ROOT, "tfglow") if "." in name}
    assert parts - set().union(*LAYERS) == set()


# What the checker itself finds.

_SOUND = {
    "tfglow/__init__.py": "from tfglow.glow import Glow",
    "tfglow/config.py": "import dataclasses",
    "tfglow/likelihood.py": "import tensorflow as tf",
    "tfglow/bijectors/__init__.py": "from tfglow.bijectors.squeeze import Squeeze",
    "tfglow/bijectors/shapes.py": "",
    "tfglow/bijectors/squeeze.py": "from tfglow.bijectors import shapes\nfrom .. import config",
    "tfglow/glow.py": "from tfglow import bijectors, likelihood\nclass Glow: pass",
    "train/__init__.py": "",
    "train/loop.py": "import tfglow\nfrom tfglow.glow import Glow",
    "train/main.py": "from train.loop import loop\nfrom . import loop",
    "export/main.py": "import tfglow.bijectors.squeeze",
    "benchmarks/step.py": "import train.loop\nimport export.main",
}


def _write(root: pathlib.Path, files: dict[str, str]) -> None:
    for path, source in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")


def test_a_sound_tree_passes(tmp_path):
    _write(tmp_path, _SOUND)
    assert violations(tmp_path) == []


@pytest.mark.parametrize(
    "file, source, sentence",
    [
        pytest.param(
            "tfglow/config.py",
            "import dataclasses\nfrom tfglow.glow import Glow",
            "tfglow/config.py:2 imports tfglow.glow: tfglow.glow is not below tfglow.config.",
            id="upward",
        ),
        pytest.param(
            "tfglow/bijectors/squeeze.py",
            "from tfglow import likelihood",
            "tfglow/bijectors/squeeze.py:1 imports tfglow.likelihood: "
            "tfglow.likelihood is not below tfglow.bijectors.",
            id="upward-from-a-package",
        ),
        pytest.param(
            "tfglow/likelihood.py",
            "def late():\n    from .glow import Glow",
            "tfglow/likelihood.py:2 imports tfglow.glow: tfglow.glow is not below "
            "tfglow.likelihood.",
            id="relative-in-a-function",
        ),
        pytest.param(
            "tfglow/bijectors/squeeze.py",
            "from ..glow import Glow",
            "tfglow/bijectors/squeeze.py:1 imports tfglow.glow: tfglow.glow is not below "
            "tfglow.bijectors.",
            id="relative-to-the-parent",
        ),
        pytest.param(
            "tfglow/networks.py",
            "import tfglow.datasets.digits",
            "tfglow/networks.py:1 imports tfglow.datasets.digits: "
            "tfglow.datasets is not below tfglow.networks.",
            id="sideways",
        ),
        pytest.param(
            "tfglow/likelihood.py",
            "from tfglow import Glow",
            "tfglow/likelihood.py:1 imports tfglow: "
            "a part of the library imports modules of it, not the whole.",
            id="whole-library",
        ),
        pytest.param(
            "tfglow/glow.py",
            "import tfglow.extras",
            "tfglow/glow.py:1 imports tfglow.extras: "
            "tfglow.extras is in no layer of test_import_directions.py.",
            id="unplaced",
        ),
        pytest.param(
            "tfglow/glow.py",
            "from train import loop",
            "tfglow/glow.py:1 imports train.loop: the library imports no application.",
            id="library-imports-application",
        ),
        pytest.param(
            "export/main.py",
            "if True:\n    import train.loop",
            "export/main.py:2 imports train.loop: export and train share code through tfglow.",
            id="application-imports-application",
        ),
        pytest.param(
            "serving/client.py",
            "from tests import toy",
            "serving/client.py:1 imports tests: nothing imports tests.",
            id="tests",
        ),
        pytest.param(
            "train/loop.py",
            "from benchmarks.step import time",
            "train/loop.py:1 imports benchmarks.step: nothing imports benchmarks.",
            id="benchmarks",
        ),
    ],
)
def test_a_planted_violation_is_found(tmp_path, file, source, sentence):
    _write(tmp_path, {**_SOUND, file: source})
    assert violations(tmp_path) == [sentence]
