import os

import pytest

from tfglow.datasets.folder_files import FolderFiles


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def splits(files):
    return {split: sorted(names) for split, names in files.names.items()}


def test_a_flat_folder_is_divided_nine_to_one(tmp_path):
    names = [f"{index}.png" for index in range(2000)]
    files = FolderFiles.find(make(tmp_path, *names))
    assert sorted(files.names["train"] + files.names["test"]) == sorted(names)
    # Binomial, with a mean of 200 and a standard deviation of 13.4.
    assert abs(len(files.names["test"]) - 200) < 4 * 13.4
    assert files.class_names == ()
    assert files.labels(files.names["test"][:2]) == [0, 0]


def test_an_image_stays_in_its_split_whatever_files_come_and_go(tmp_path):
    few = FolderFiles.find(make(tmp_path, *(f"{index}.png" for index in range(100))))
    many = FolderFiles.find(make(tmp_path, *(f"{index}.png" for index in range(300))))
    for split in ("train", "test"):
        assert set(few.names[split]) < set(many.names[split])


def test_the_order_is_a_fair_sample_and_fixed(tmp_path):
    names = [f"{kind}/{index}.png" for kind in "ab" for index in range(200)]
    files = FolderFiles.find(make(tmp_path, *names))
    assert FolderFiles.find(tmp_path) == files
    first = files.names["train"][:100]
    assert 30 < sum(name.startswith("a/") for name in first) < 70


@pytest.mark.parametrize(("count", "expected"), [(1, (1, 0)), (2, (1, 1)), (3, (2, 1))])
def test_a_handful_of_images_has_one_to_test_on(tmp_path, count, expected):
    # None of these names falls in the lowest tenth.
    files = FolderFiles.find(make(tmp_path, *[f"image{index}.png" for index in range(count)]))
    assert (len(files.names["train"]), len(files.names["test"])) == expected


def test_subfolders_of_one_level_are_classes_in_alphabetical_order(tmp_path):
    make(tmp_path, "dog/1.png", "cat/1.jpg", "cat/2.JPEG", "emu/1.bmp", "emu/2.gif")
    files = FolderFiles.find(tmp_path)
    assert files.class_names == ("cat", "dog", "emu")
    assert files.labels(["dog/1.png", "cat/1.jpg", "emu/2.gif"]) == [1, 0, 2]


@pytest.mark.parametrize(
    "names",
    [
        ("a/1.png", "a/2.png"),  # one folder
        ("a/1.png", "b/2.png", "3.png"),  # an image beside the folders
        ("a/1.png", "b/x/2.png"),  # a deeper one
    ],
)
def test_other_subfolders_are_no_classes(tmp_path, names):
    files = FolderFiles.find(make(tmp_path, *names))
    assert files.class_names == ()
    assert sorted(sum(files.names.values(), ())) == sorted(names)


def test_split_folders(tmp_path):
    make(tmp_path, "train/a/1.png", "train/b/2.png", "validation/a/3.png")
    files = FolderFiles.find(tmp_path)
    assert splits(files) == {
        "train": ["train/a/1.png", "train/b/2.png"],
        "validation": ["validation/a/3.png"],
    }
    assert files.class_names == ("a", "b")  # of all splits together
    assert files.labels(["validation/a/3.png", "train/b/2.png"]) == [0, 1]


def test_flat_split_folders_have_no_classes(tmp_path):
    files = FolderFiles.find(make(tmp_path, "train/1.png", "train/2.png", "test/3.png"))
    assert splits(files) == {"train": ["train/1.png", "train/2.png"], "test": ["test/3.png"]}
    assert files.class_names == ()


def test_a_train_folder_alone_is_divided(tmp_path):
    names = [f"train/{kind}/{index}.png" for kind in "ab" for index in range(100)]
    files = FolderFiles.find(make(tmp_path, *names))
    assert 0 < len(files.names["test"]) < 45
    assert sorted(files.names["train"] + files.names["test"]) == sorted(names)
    assert files.class_names == ("a", "b")


def test_a_class_may_be_called_train(tmp_path):
    make(tmp_path, "car/1.png", "train/1.png", "plane/1.png", "plane/2.png")
    with pytest.raises(ValueError) as caught:
        FolderFiles.find(tmp_path)
    assert str(caught.value) == (
        f"It is not certain whether 'train' is a split in '{tmp_path}', which holds plane (2), "
        f"car (1), train (1): give --train_folder and --test_folder (folders in '{tmp_path}') or "
        "--classes_from=folders."
    )
    files = FolderFiles.find(tmp_path, classes_from="folders")
    assert files.class_names == ("car", "plane", "train")
    # The classes that are there, whatever is said, are no splits.
    make(tmp_path, "test/1.png")
    with pytest.raises(ValueError, match="whether 'train' or 'test' is a split"):
        FolderFiles.find(tmp_path, classes_from="folders")


def test_folders_that_are_said(tmp_path):
    make(tmp_path, *(f"{place}/{i}.png" for place in ("a", "b/old", "test") for i in range(40)))
    files = FolderFiles.find(tmp_path, "a", "b")
    assert {split: {n.split("/")[0] for n in names} for split, names in files.names.items()} == {
        "train": {"a"},
        "test": {"b"},
    }
    alone = FolderFiles.find(tmp_path, train_folder="a")
    assert {n.split("/")[0] for names in alone.names.values() for n in names} == {"a"}
    assert set(alone.names) == {"train", "test"}
    assert alone.notes == ("Of the images in 'a' a tenth is tested on.",)
    # Whatever is not tested on.
    rest = FolderFiles.find(tmp_path, test_folder="test")
    assert {n.split("/")[0] for n in rest.names["train"]} == {"a", "b"}
    assert FolderFiles.find(tmp_path, ".", "test") == rest
    assert FolderFiles.find(tmp_path, tmp_path / "a", tmp_path / "test").names == {
        "train": files.names["train"],
        "test": rest.names["test"],
    }


def test_masks_that_are_said_to_be_the_images(tmp_path):
    make(tmp_path, *(f"{place}/{i}.png" for place in ("images", "masks") for i in range(40)))
    masks = FolderFiles.find(tmp_path, train_folder="masks")
    assert {n.split("/")[0] for n in masks.names["train"]} == {"masks"}


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("c", None, "`train_folder` = 'c' is no folder in "),
        ("empty", None, "`train_folder` = 'empty' holds no image in "),
        ("../elsewhere", None, "`train_folder` = '../elsewhere' is no folder in "),
        (None, "c", "`test_folder` = 'c' is no folder in "),
        ("a", "a", "`train_folder` = 'a' is in `test_folder` = 'a': images to test on cannot "),
        ("a/b", "a", "`train_folder` = 'a/b' is in `test_folder` = 'a': "),
    ],
)
def test_folders_that_cannot_be(tmp_path, train, test, message):
    make(tmp_path / "data", "a/1.png", "a/b/2.png", "empty/readme.md")
    with pytest.raises(ValueError) as caught:
        FolderFiles.find(tmp_path / "data", train, test)
    assert str(caught.value).startswith(message)


def test_classes_from_is_one_of_three(tmp_path):
    with pytest.raises(ValueError, match=r"`classes_from` must be one of 'auto', .*; got 'names'"):
        FolderFiles.find(make(tmp_path, "1.png"), classes_from="names")


def test_classes_that_are_not_wanted(tmp_path):
    make(tmp_path, "cat/1.png", "dog/1.png")
    assert FolderFiles.find(tmp_path, classes_from="none").class_names == ()
    make(tmp_path, "3.png")
    with pytest.raises(ValueError) as caught:
        FolderFiles.find(tmp_path, classes_from="folders")
    assert str(caught.value) == (
        "`classes_from` = 'folders', but there are no classes: images lie beside the subfolders."
    )


def test_files_named_as_masks_of_others_are_left_out(tmp_path):
    """As the breast ultrasound images (BUSI) and the brain scans of LGG come."""
    make(tmp_path, *(f"{kind}/{i}{end}.png" for kind in "ab" for i in range(20) for end in ENDS))
    make(tmp_path, "a/ski_mask.png")
    files = FolderFiles.find(tmp_path)
    found = sorted(sum(files.names.values(), ()))
    assert found == sorted([f"{k}/{i}.png" for k in "ab" for i in range(20)] + ["a/ski_mask.png"])
    assert files.notes == (
        f"Not read in '{tmp_path}': 80 files named as masks of others, such as 'a/0_mask.png'.",
    )


ENDS = ("", "_mask", "_mask_1")


@pytest.mark.parametrize(
    ("names", "masks"),
    [
        ("1_sat.jpg 1_mask.png 2_sat.jpg 2_mask.png", "1_mask.png 2_mask.png"),
        ("10000.png 10000_GT.png", "10000_GT.png"),
        ("image_1.png mask_1.png", "mask_1.png"),
        ("1.png mask-1.png 2-Label.png", "mask-1.png"),
        ("benign~(1).png benign~(1)_mask.png", "benign~(1)_mask.png"),
        ("with_mask_1.png without_mask_1.png", ""),
        ("mask.png face.png", ""),
        ("ski_mask_1.png face_1.png", ""),
        ("a/1.png b/1_mask.png", ""),
    ],
)
def test_which_files_are_masks(tmp_path, names, masks):
    written, left_out = (
        {name.replace("~", " ") for name in text.split()} for text in (names, masks)
    )
    files = FolderFiles.find(make(tmp_path, *written))
    assert written - set(sum(files.names.values(), ())) == left_out


def test_files_whose_names_say_splits_are_refused(tmp_path):
    make(tmp_path, *(f"train_{i}.png" for i in range(20)), *(f"test_{i}.png" for i in range(5)))
    with pytest.raises(ValueError, match="whether the names of 5 'test' and 20 'train' files are"):
        FolderFiles.find(tmp_path)
    assert len(sum(FolderFiles.find(tmp_path, train_folder=".").names.values(), ())) == 25
    make(tmp_path, "other.png")
    assert len(sum(FolderFiles.find(tmp_path).names.values(), ())) == 26


def test_names_that_are_not_utf_8(tmp_path):
    for name in (b"caf\xe9/1.png", b"caf\xe9/\xff.png", b"th\xe9/1.png"):
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "wb").close()
    files = FolderFiles.find(tmp_path)
    assert files.class_names == (r"caf\xe9", r"th\xe9")
    names = [os.fsdecode(name) for name in (b"th\xe9/1.png", b"caf\xe9/\xff.png")]
    assert set(names) < set(sum(files.names.values(), ()))
    assert files.labels(names) == [1, 0]
    assert FolderFiles.find(tmp_path) == files
    make(tmp_path, "train/1.png")
    with pytest.raises(ValueError) as caught:
        FolderFiles.find(tmp_path)
    str(caught.value).encode()


def test_a_link_that_leads_in_a_circle(tmp_path):
    make(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b")
    assert sorted(sum(FolderFiles.find(tmp_path).names.values(), ())) == ["a/1.png", "b/2.png"]


def test_hidden_and_other_files_are_passed_over(tmp_path):
    make(tmp_path, "1.png", "notes.txt", ".2.png", ".cache/3.png", "__MACOSX/4.png", "5.heic")
    files = FolderFiles.find(tmp_path)
    assert sum(files.names.values(), ()) == ("1.png",)
    assert files.unread == "2 files are not read, being of other kinds: 1 .heic, 1 .txt."


def test_links_to_folders_are_followed(tmp_path):
    make(tmp_path / "elsewhere", "1.png")
    folder = make(tmp_path / "folder", "b/2.png")
    (folder / "a").symlink_to(tmp_path / "elsewhere")
    assert FolderFiles.find(folder).class_names == ("a", "b")


def test_no_folder(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(ValueError) as caught:
        FolderFiles.find(missing)
    assert str(caught.value) == f"`data_dir` = '{missing}' is not a folder."


def test_no_image(tmp_path):
    make(tmp_path, "notes.txt", "empty/readme.md")
    with pytest.raises(ValueError) as caught:
        FolderFiles.find(tmp_path)
    assert str(caught.value) == (
        f"The folder '{tmp_path}' holds no image: expected files ending in .png, .apng, "
        ".jpg, .jpeg, .jpe, .jfif, .bmp, .dib, .gif, .webp, .tif, .tiff, .ppm, .pgm, .pbm, .pnm."
    )


def test_all_images_are_one_split_in_the_order_of_their_names(tmp_path):
    names = ["train/b.png", "a.png", "test/good/1.png", "test/bent/1.png", "x/unsure_test/2.png"]
    masks = ["ground_truth/bent/1_mask.png", "test/7_mask.png"]
    files = FolderFiles.find_all(make(tmp_path, *names, *masks, "test/7.png", "notes.heic"))
    assert files.names == {"all": tuple(sorted([*names, "test/7.png"]))}
    assert "ground_truth (1 image)" in files.notes[0] and "7_mask" in files.notes[1]
    assert files.class_names == () and "heic" in files.unread


def test_of_masks_alone_there_is_no_image(tmp_path):
    with pytest.raises(ValueError, match="holds no image but masks, by their names"):
        FolderFiles.find_all(make(tmp_path, "masks/1.png"))
    with pytest.raises(ValueError, match="There is no folder"):
        FolderFiles.find_all(tmp_path / "absent")


@pytest.mark.parametrize("empty", ["test", "Validation", "val"])
def test_an_empty_folder_to_test_on_is_named(tmp_path, empty):
    make(tmp_path, *(f"train/{i}.png" for i in range(20)))
    assert FolderFiles.find(tmp_path).notes == ()
    (tmp_path / empty).mkdir()
    files = FolderFiles.find(tmp_path)
    assert set(files.names) == {"train", "test"}
    assert files.notes == (
        f"The folder {empty!r} in {str(tmp_path)!r} holds no image that is read: a tenth of the "
        "others is tested on.",
    )
