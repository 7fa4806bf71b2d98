"""The example notebooks run, with a tiny model, and what they show is true."""

import json

import numpy as np
import pytest
from matplotlib import pyplot

from tests.source_imports import ROOT

# In place of the cells with the tag "parameters".
TINY = """
layer_steps = 150
levels, steps, width = 1, 1, 8
epochs, steps_per_epoch = 2, 5
"""
TINY_INPAINTING = """
levels, steps, width = 1, 2, 16
epochs, steps_per_epoch = 1, 100
num_images, climbing_steps = 20, 30
"""


@pytest.fixture
def no_window():
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


def _run(path, parameters):
    """The names that a notebook defines, run from top to bottom in one process.

    Its cells are plain Python, so that no Jupyter is needed.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    names = {"__name__": "__main__"}
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            tagged = "parameters" in cell["metadata"].get("tags", ())
            source = parameters if tagged else "".join(cell["source"])
            exec(compile(source, f"{path.name}, cell {number}", "exec"), names)
    return names


@pytest.mark.slow
def test_latent_space(no_window, capsys):
    names = _run(ROOT / "examples" / "latent_space.ipynb", TINY)
    # The layer in one's own model has learned nearly all there is to learn.
    assert names["losses"][0] - names["entropy"] > 10
    assert abs(names["losses"][-1] - names["entropy"]) < 0.5
    # The Glow has learned something.
    assert names["after"] < names["before"]
    assert names["wrong"] == 0
    assert names["path"].shape == (9, 64)
    np.testing.assert_array_equal(names["changed"][:, 0], names["threes"])
    assert "bytes that differ after decode(encode(x)): 0" in capsys.readouterr().out
    assert len(pyplot.get_fignums()) == 4


@pytest.mark.slow
def test_inpainting(no_window, capsys):
    names = _run(ROOT / "examples" / "inpainting.ipynb", TINY_INPAINTING)
    np.testing.assert_allclose(names["log_prob"], names["log_density"] - names["bins"], rtol=1e-5)
    # What was known stays, and what was not comes nearer to the truth.
    np.testing.assert_array_equal(names["filled"][:, :, 5:], names["truth"][:, :, 5:])
    assert names["filled_density"] > names["gap_density"] + 5
    assert names["filled_error"] < 0.95 * names["gap_error"]
    assert names["denoised_error"] < 0.9 * names["clipped_error"] < names["noisy_error"]
    assert "error denoised: " in capsys.readouterr().out
    assert len(pyplot.get_fignums()) == 2


def test_notebooks_hold_what_jupyter_needs():
    for path in sorted((ROOT / "examples").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert (notebook["nbformat"], notebook["metadata"]["kernelspec"]["language"]) == (
            4,
            "python",
        )
        identifiers = [cell["id"] for cell in notebook["cells"]]
        assert len(set(identifiers)) == len(identifiers)
