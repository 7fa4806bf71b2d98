"""Another backend of Keras, and Keras 2, are refused in one sentence."""

import os
import subprocess
import sys

import pytest

from tests.forked import Forked

pytestmark = pytest.mark.slow

MAKE = "import tfglow; tfglow.Glow(tfglow.GlowConfig(image_shape=(4, 4, 1), levels=1))"
# What a client needs is no part of it.
NO_KERAS = "import tfglow.fields, tfglow.pictures, serving.client"


def refusal(tmp_path, code, **environment):
    """The last line of a script's complaints, forked where TensorFlow is imported and Keras not."""
    script = tmp_path / "script.py"
    script.write_text(code)
    with Forked(script, cwd=tmp_path, environment=environment) as process:
        _, errors = process.communicate(timeout=120)
    return errors.strip().splitlines()[-1]


def last_line(code, **env):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **env},
    )
    return (done.stderr.strip().splitlines() or [""])[-1]


@pytest.mark.parametrize(
    "backend, code", [("numpy", MAKE), ("jax", "from tfglow.bijectors import ActNorm")]
)
def test_another_backend_is_refused(tmp_path, backend, code):
    line = refusal(tmp_path, code, KERAS_BACKEND=backend)
    assert line == (
        f"ImportError: tfglow needs Keras's backend tensorflow, got KERAS_BACKEND={backend!r} from "
        "the environment."
    )


def test_a_backend_of_the_configuration_file_is_refused(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "numpy"}')
    code = f"import sys; sys.modules['jax'] = None; {MAKE}"
    line = last_line(code, KERAS_HOME=str(tmp_path))
    assert "tfglow needs Keras's backend tensorflow" in line and "keras.json" in line


def test_keras_2_is_refused(tmp_path):
    line = refusal(tmp_path, MAKE, TF_USE_LEGACY_KERAS="1")
    assert line.startswith("ImportError: ") and "TF_USE_LEGACY_KERAS='1'" in line
    assert "backend tensorflow" in line


def test_what_needs_no_keras_asks_for_none():
    assert last_line(NO_KERAS, KERAS_BACKEND="numpy") == ""
