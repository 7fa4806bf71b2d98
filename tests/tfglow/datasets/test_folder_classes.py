import pytest

from tfglow.datasets.folder_classes import Classes
from tfglow.datasets.folder_layout import Place, UncertainLayout


def places(**groups):
    """Two images in each place; a place is written "split:outer/…:inner/…"."""
    found = {}
    for name, text in groups.items():
        split, outer, inner = text.split(":")
        for i in range(2):
            found[f"{name}{i}"] = Place(
                split or None, tuple(outer.split("/") if outer else ()), tuple(inner.split())
            )
    return found


def test_folders_below_the_splits():
    classes = Classes.of(places(a="train::dog", b="train::cat", c="test::dog"), "auto")
    assert classes.names == ("cat", "dog")
    assert classes.labels == {"a0": 1, "a1": 1, "b0": 0, "b1": 0, "c0": 1, "c1": 1}
    assert classes.notes == ()


def test_folders_above_the_splits():
    found = places(a="train:dog:good", b="train:cat:good", c="test:cat:bad", d="test:dog:worse")
    assert Classes.of(found, "auto").names == ("cat", "dog")


def test_folders_that_all_images_are_in_are_no_classes():
    assert Classes.of(places(a=":data/dog:", b=":data/cat:"), "auto").names == ("cat", "dog")
    assert Classes.of(places(a="train::good", b="test::good"), "auto") == Classes((), {})


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"a": "train::dog", "b": "train::", "c": "train::cat"}, "images lie beside"),
        ({"a": ":x/y:", "b": ":z:", "c": ":x/u:"}, "of several depths"),
        ({"a": "train::good", "b": "test::bad"}, "all images to train on are in one folder"),
        ({"a": "train::dog", "b": "train::cat", "c": "test::"}, "has images without a folder"),
        ({"a": "train::dog", "b": "train::cat", "c": "test::emu"}, "has the folder 'emu', which"),
    ],
)
def test_why_there_are_no_classes(found, reason):
    classes = Classes.of(places(**found), "auto")
    assert (classes.names, classes.labels) == ((), {})
    [note] = classes.notes
    assert note.startswith("The images have no labels: ")
    assert reason in note
    with pytest.raises(ValueError, match=f"there are no classes: .*{reason}"):
        Classes.of(places(**found), "folders")
    assert Classes.of(places(**found), "none") == Classes((), {})


def test_folders_above_or_below():
    found = places(a="train:x:dog", b="train:y:cat", c="test:x:dog")
    with pytest.raises(UncertainLayout, match="above the splits are classes, or those below them"):
        Classes.of(found, "auto")
    assert Classes.of(found, "folders").names == ("x", "y")
    assert Classes.of(found, "none").names == ()
