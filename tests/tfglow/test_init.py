"""What `import tfglow` gives, without a further import."""

import importlib
import subprocess
import sys

import pytest

import tfglow
from tests.forked import Forked

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", tfglow.__all__)
def test_every_name_is_there(name):
    assert name in dir(tfglow)
    assert getattr(tfglow, name).__name__ in (name, f"tfglow.{name}")


def test_classes_are_those_of_their_modules():
    for name, module in tfglow._CLASSES.items():
        assert getattr(tfglow, name) is getattr(importlib.import_module(module), name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'tfglow' has no attribute 'Flow'"):
        _ = tfglow.Flow


def test_the_import_alone_needs_no_tensorflow():
    code = "import sys, tfglow; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_keras_loads_what_is_in_a_file_without_a_name_of_tfglow_s(tmp_path):
    config = tfglow.GlowConfig(image_shape=(4, 4, 1), levels=1, steps=1, width=4)
    tfglow.Glow(config).save(tmp_path / "glow.keras")
    script = tmp_path / "load.py"
    script.write_text(
        "import keras, tfglow\nprint(keras.models.load_model('glow.keras').config.width)\n"
    )
    with Forked(script, cwd=tmp_path) as process:
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "4\n"), errors
