"""CSV tables of attributes."""

import numpy as np
import pytest

from tfglow.latents import read_attribute_table


def _table(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_files_names_and_signs(tmp_path):
    path = _table(tmp_path, "file,Smiling,Hat\na.png,1,-1\n\nb/c.png, true ,0\n'd,e'.png,,False\n")
    with pytest.raises(ValueError, match=r"Line 5 of the table .* has 4 cells, its header has 3"):
        read_attribute_table(path)
    path = _table(tmp_path, 'file,Smiling,Hat\na.png,1,-1\n\nb/c.png, true ,0\n"d,e.png",,False\n')
    files, names, signs = read_attribute_table(path)
    assert files == ("a.png", "b/c.png", "d,e.png")
    assert names == ("Smiling", "Hat")
    np.testing.assert_array_equal(signs, [[1, -1], [1, -1], [0, -1]])


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "needs a header"),
        ("file,Hat\n", "needs a header"),
        ("file\na.png\n", "needs a header"),
        ("file,Hat\na.png,yes\n", "Line 2 of the table .* has the value 'yes': expected 1 or true"),
    ],
)
def test_refuses(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_attribute_table(_table(tmp_path, text))


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"Cannot read the table .*none\.csv.*: No such file"):
        read_attribute_table(tmp_path / "none.csv")
