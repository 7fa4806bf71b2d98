import os

import numpy as np
import pytest
from PIL import Image

from tfglow import datasets
from tfglow.datasets import checked_files, folder_source
from tfglow.datasets.earlier_checks import Check, EarlierChecks
from tfglow.pictures.reading import read_picture


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Ten images of their number, a broken file and an animation; 12 are already many."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(checked_files, "MANY_FILES", 12)
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(10):
        Image.fromarray(np.full((4, 4, 3), index, np.uint8)).save(folder / f"{index}.png")
    (folder / "broken.png").write_bytes(b"")
    frames = [Image.new("L", (4, 4), grey) for grey in (100, 200)]
    frames[0].save(folder / "film.gif", save_all=True, append_images=frames[1:])
    return folder


def load(folder, cache_bytes, read=None):
    """The images, with what was said of them."""
    with pytest.warns(UserWarning) as said:
        data = datasets.load(
            "folder", "train+test", folder, (4, 4, 3), cache_bytes=cache_bytes,
            bad_images="skip", progress=None if read is None else lambda *done: read.append(done),
        )  # fmt: skip
    return data, sorted(str(warning.message) for warning in said)


@pytest.mark.parametrize("cache_bytes", [0, 2**30])
def test_files_that_have_not_changed_are_not_read_before_the_start_again(
    photos, cache_bytes, monkeypatch
):
    first_read, second_read = [], []
    first, said = load(photos, cache_bytes, first_read)
    again, said_again = load(photos, cache_bytes, second_read)
    assert (len(first_read), len(second_read)) == (12, 0)
    assert said_again == said
    assert "1 of 12 image files cannot be read" in said[1]
    assert "film.gif" in said[0]
    assert again.skipped == first.skipped
    assert again.num_images == 11

    opened = []

    def read_image(path, *rest):
        opened.append(path)
        return read_picture(path, 3)

    monkeypatch.setattr(folder_source, "read_image", read_image)
    for epoch in (0, 1):
        pairs = zip(first.batches(5, epoch=epoch), again.batches(5, epoch=epoch), strict=True)
        for one, other in pairs:
            np.testing.assert_array_equal(one["image"], other["image"])
    if cache_bytes:  # The first data set has had them since it was opened.
        assert len(opened) == len(set(opened)) <= 11
    else:
        assert len(opened) == 2 * 2 * 10


@pytest.mark.parametrize("change", ["rewritten", "added", "gone", "touched"])
def test_a_change_has_all_files_read_again(photos, change):
    load(photos, 0)
    file = photos / "3.png"
    if change == "rewritten":
        file.write_bytes(b"no picture")
    elif change == "added":
        (photos / "new.png").write_bytes((photos / "1.png").read_bytes())
    elif change == "gone":
        file.unlink()
        Image.new("L", (4, 4)).save(photos / "other.png")
    else:
        os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    read = []
    data, _ = load(photos, 0, read)
    assert len(read) == (13 if change == "added" else 12)
    assert len(data.skipped) == (2 if change == "rewritten" else 1)


def test_what_was_bad_is_refused_again_without_reading(photos):
    load(photos, 0)
    read = []
    with (
        pytest.warns(UserWarning, match="several frames"),
        pytest.raises(ValueError, match=r"broken\.png': it is empty"),
    ):
        datasets.load(
            "folder", "train+test", photos, (4, 4, 3), progress=lambda *done: read.append(done)
        )
    assert not read


def test_the_outcome_depends_on_how_files_are_read(photos):
    files = [str(path) for path in photos.iterdir()]
    EarlierChecks(files, "one way").note(Check(((3, "it is empty."),), (1, 2)))
    assert EarlierChecks(files, "one way").find() == Check(((3, "it is empty."),), (1, 2))
    assert EarlierChecks(files, "another").find() is None
    assert EarlierChecks(files[1:], "one way").find() is None


def test_a_damaged_note_is_none(photos):
    checks = EarlierChecks([], None)
    checks.note(Check((), ()))
    checks.path.write_text("{")
    assert checks.find() is None


def test_where_nothing_can_be_written_nothing_is_noted(photos, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(photos / "1.png"))
    checks = EarlierChecks([], None)
    checks.note(Check((), ()))
    assert checks.find() is None
