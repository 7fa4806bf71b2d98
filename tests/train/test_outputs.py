import pytest

from train.outputs import check_output


def test_refuses_a_folder_for_a_file(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ValueError, match=r"a.png' is a folder, expected a file to write"):
        check_output(tmp_path / "a.png", ".png")


def test_outputs_are_checked_beforehand(tmp_path):
    assert check_output(tmp_path / "a.PNG", ".png") == tmp_path / "a.PNG"
    with pytest.raises(ValueError, match=r"'a\.png' must end in \.gif\."):
        check_output("a.png", ".gif")
    with pytest.raises(ValueError, match=r"The folder of 'nowhere/a\.png' does not exist\."):
        check_output("nowhere/a.png", ".png")
