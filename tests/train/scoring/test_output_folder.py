import os

import pytest

from train.scoring.output_folder import check_output_folder, output_folder


def test_appears_whole(tmp_path):
    out = tmp_path / "out"
    out.mkdir()  # Empty: as good as new.
    with output_folder(out) as folder:
        (folder / "a").write_text("x")
        assert not any(out.iterdir())
    assert (out / "a").read_text() == "x"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_or_not_at_all(tmp_path, error):
    with pytest.raises(error), output_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("x")
        raise error
    assert os.listdir(tmp_path) == []


def test_what_a_killed_process_left_goes(tmp_path):
    with output_folder(tmp_path / "a") as folder:
        left = tmp_path / folder.name.replace(folder.name[-4:], "0000")
        left.mkdir()
        with output_folder(tmp_path / "b"):
            pass
        assert not left.exists() and folder.exists()  # One that is being written stays.


def test_places_that_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "full" / "a").mkdir(parents=True)
    assert check_output_folder(tmp_path / "new") == tmp_path / "new"
    for place, words in (
        ("gs://b/x", "got the URL"),
        (tmp_path / "file", "is a file"),
        (tmp_path / "full", "holds files"),
        (tmp_path / "no" / "out", "does not exist"),
    ):
        with pytest.raises(ValueError, match=words):
            check_output_folder(place)
