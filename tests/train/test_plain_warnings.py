import warnings

from train.plain_warnings import plain_warnings


def test_a_warning_is_one_line():
    before = warnings.formatwarning
    with plain_warnings():
        text = warnings.formatwarning("2 files are not read.", UserWarning, "file.py", 7, None)
        assert text == "Note: 2 files are not read.\n"
    assert warnings.formatwarning is before
