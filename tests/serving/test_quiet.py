import os

import pytest

from serving.quiet import quiet_imports, quiet_standard_error


def test_nothing_is_written_inside_and_all_outside(capfd):
    with pytest.raises(KeyError), quiet_standard_error():
        os.write(2, b"noise")
        raise KeyError
    os.write(2, b"news")
    assert capfd.readouterr().err == "news"


def test_a_missing_package_is_one_sentence():
    message = r"error: no_such_package is not installed; pip install"
    with pytest.raises(SystemExit, match=message), quiet_imports():
        import no_such_package  # noqa: F401
