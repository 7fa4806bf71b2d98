"""Tables of attributes: CSV, and CelebA's own form."""

import numpy as np
import pytest

from tfglow.latents import read_attribute_table


def _table(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
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
    assert signs.dtype == np.int8


CELEBA = "2\nSmiling Male\n000001.jpg  1 -1\n000002.jpg -1  1\n"


@pytest.mark.parametrize(
    "text",
    [
        CELEBA,
        CELEBA.replace("\n", "\r\n"),
        CELEBA.replace("\n", "\r"),
        CELEBA.replace(" ", "\t"),
        CELEBA.replace("  1", "\t 1"),
        CELEBA.replace(" ", "   ").replace("\n", "  \n"),
        CELEBA.replace("2\n", " 2 \n\n", 1) + "\n\n",
        CELEBA.rstrip("\n"),
        CELEBA.removeprefix("2\n"),
        CELEBA.replace("Smiling", "image_id Smiling"),
        CELEBA.replace("-1", "0"),
        CELEBA.replace("-1", "-1.0").replace(" 1", " +1.0"),
        "file,Smiling,Male\n000001.jpg,1,-1\n000002.jpg,-1,1\n",
        "file, Smiling, Male\r\n000001.jpg, 1, 0\r\n000002.jpg, 0, 1\r\n,,\r\n",
        "2\nfile,Smiling,Male\n000001.jpg,1,-1\n000002.jpg,-1,1\n",
        ",Smiling,Male\n000001.jpg,True,False\n000002.jpg,False,True\n",
        "file;Smiling;Male\n000001.jpg;1;-1\n000002.jpg;-1;1\n",
        "file\tSmiling\tMale\n000001.jpg\t1\t-1\n000002.jpg\t-1\t1\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_of_the_same_content(tmp_path, text, encoding):
    files, names, signs = read_attribute_table(_table(tmp_path, text, encoding))
    assert files == ("000001.jpg", "000002.jpg")
    assert names == ("Smiling", "Male")
    np.testing.assert_array_equal(signs, [[1, -1], [-1, 1]])


def test_one_attribute_in_celebas_form(tmp_path):
    table = read_attribute_table(_table(tmp_path, "1\nYoung\na.jpg -1\n"))
    assert table[:2] == (("a.jpg",), ("Young",)) and table.signs.tolist() == [[-1]]


@pytest.mark.parametrize(
    "text, files, names, signs",
    [
        ("file\tBig Nose\nmy a.jpg\t1\n", ("my a.jpg",), ("Big Nose",), [[1]]),
        ("file\tA\tB\na.jpg\t\t1\nb.jpg\t1\t\n", ("a.jpg", "b.jpg"), ("A", "B"), [[0, 1], [1, 0]]),
    ],
)
def test_between_tabs_cells_have_spaces_or_are_empty(tmp_path, text, files, names, signs):
    table = read_attribute_table(_table(tmp_path, text))
    assert table[:2] == (files, names) and table.signs.tolist() == signs


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "needs a header"),
        ("3\n", "needs a header"),
        ("file,Hat\n", "needs a header"),
        ("file\na.png\n", "needs a header"),
        ("1\nHat\n", "needs a header"),
        ("file,Hat\na.png,yes\n", "Line 2 of the table .* has the value 'yes': expected 1 or true"),
        ("1\nHat Bald\na.png 1 2\n", "Line 3 of the table .* has the value '2': expected 1 or"),
        ("file,Hat\n,1\n", "Line 2 of the table .* has no file name: ' 1'"),
        ("2\nHat\na.png 1\na.png -1\n", r"Lines 3 and 4 of the table .* of the image 'a\.png'"),
        ("file,Hat,Hat\na.png,1,1\n", "name every attribute once, got 'Hat' 2 times"),
        ("file,Hat,\na.png,1,\n", "name every attribute once, got '' 1 times"),
        (
            "2\nHat Bald\na.png 1 -1\n\nb.png 1\n",
            r"Line 5 of the table .* has 2 cells, its header has 3 .*: 'b\.png 1'\.",
        ),
        (
            f"1\nHat\n{'a' * 99} 1 1\nb.png 1\n",
            r"Line 3 of the table .* has 3 cells, .*: 'a{60}\.\.\.'\.",
        ),
        ("3\nHat\na.png 1\nb.png 1\n", "has 2 images, its first line says 3: it is not whole"),
        ("Smiling\tBig Nose\na.jpg\t1\t-1\n", "told apart by tabs or by spaces"),
        ("Smiling\tMale\na.jpg  1\t-1\n", "told apart by tabs or by spaces"),
    ],
)
def test_refuses(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_attribute_table(_table(tmp_path, text))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"file,Hat\n\xe9.png,1\n"])
def test_refuses_what_is_no_text(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Cannot read the table .*table\.csv.*codec can't decode"):
        read_attribute_table(path)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"Cannot read the table .*none\.csv.*: No such file"):
        read_attribute_table(tmp_path / "none.csv")
