import pytest

from tfglow.datasets.splits import count_doubles, count_shared, resolve_split, select


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
        # The only split, under whatever name, is trained on, unless it is one to test on.
        ("train", ["data"], "data[:90%]"),
        ("test", ["data"], "data[90%:]"),
        ("train", ["church_photos"], "church_photos[:90%]"),
        ("train", ["test"], "train"),
        ("train", ["validation"], "train"),
        ("train", ["a", "b"], "train"),
        # Other spellings.
        ("train", ["training", "testing"], "training"),
        ("test", ["training", "testing"], "testing"),
        ("train", ["training"], "training[:90%]"),
        ("val", ["train", "validation"], "validation"),
        ("Test2017[:50%]+val", ["train", "validation", "test"], "test[:50%]+validation"),
        ("val+train", ["train", "val"], "val+train"),
        ("dev", ["train", "validation", "dev"], "dev"),
        ("trian", ["train", "test"], "trian"),
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


@pytest.mark.parametrize("split", ["train", "test"])
def test_where_there_is_no_telling_what_to_train_on(split):
    with pytest.raises(ValueError) as caught:
        select({"a": "ab", "b": "c"}, split, "folder")
    assert str(caught.value) == (
        f"Unknown split {split!r} of 'folder': it has 'a', 'b', and slices of them such as "
        "'a[:90%]'; say what to train and to test on, such as --train_split=a[:90%] "
        "--eval_split=a[90%:]."
    )


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("train", "test", 0),
        ("train", "train", 100),
        ("train[:90%]", "train[90%:]", 0),
        ("train[:12]", "train[8:]", 4),
        ("train[:50%]", "train[-60:]", 10),
        ("train+test", "test", 10),
        ("train[:5]+train[3:9]", "train[:6]+test", 6),
    ],
)
def test_images_of_two_splits(first, second, shared):
    sizes = {"train": 100, "test": 10}
    assert count_shared(sizes, first, second) == shared
    assert count_shared(sizes, second, first) == shared


@pytest.mark.parametrize(
    ("split", "doubles"),
    [
        ("train", 0),
        ("train[:5]+train[5:]", 0),
        ("train[:5]+train[3:9]", 2),
        ("train[:5]+test+train[3:9]+train[4:5]", 3),
        ("train+train", 10),
        ("train[:50%]+train[40%:]", 1),
    ],
)
def test_images_that_a_split_holds_twice_are_counted(split, doubles):
    assert count_doubles({"train": 10, "test": 4}, split) == doubles
