import pytest

from tfglow.datasets.splits import resolve_split, select


@pytest.mark.parametrize(
    ("split", "available", "expected"),
    [
        ("test", ["train", "test"], "test"),
        ("test", ["train", "validation", "test"], "test"),
        ("test", ["train", "validation"], "validation"),
        ("test", ["train", "val"], "val"),
        ("test", ["train"], "train[90%:]"),
        ("train", ["train"], "train[:90%]"),
        ("train", ["train", "unlabelled"], "train[:90%]"),
        ("train", ["train", "validation"], "train"),
        ("validation", ["train", "validation"], "validation"),
        ("train[:100%]", ["train"], "train[:100%]"),
        ("test", ["unlabelled"], "test"),
    ],
)
def test_what_train_and_test_stand_for(split, available, expected):
    assert resolve_split(split, available) == expected


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", "abcdefghij"),
        ("train[:90%]", "abcdefghi"),
        ("train[90%:]", "j"),
        ("train[2:4]+test", "cdxy"),
        ("train[-2:]", "ij"),
        ("all", "abcdefghijxy"),
        ("train[4:2]", ""),
    ],
)
def test_select(split, expected):
    splits = {"train": tuple("abcdefghij"), "test": tuple("xy")}
    assert select(splits, split, "folder") == tuple(expected)


@pytest.mark.parametrize("split", ["validation", "validation[:50%]", "train[", "train[:200%]", ""])
def test_select_of_an_unknown_split(split):
    with pytest.raises(ValueError) as caught:
        select({"train": "ab", "test": "c"}, split, "folder")
    assert str(caught.value) == (
        f"Unknown split {split!r} of 'folder': it has 'train', 'test', and slices of them such as "
        "'train[:90%]'."
    )
