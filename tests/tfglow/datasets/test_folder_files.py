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
    files = FolderFiles.find(make(tmp_path, "car/1.png", "train/1.png", "plane/1.png"))
    assert files.class_names == ("car", "plane", "train")


def test_hidden_and_other_files_are_passed_over(tmp_path):
    make(tmp_path, "1.png", "notes.txt", ".2.png", ".cache/3.png", "__MACOSX/4.png", "5.tiff")
    assert sum(FolderFiles.find(tmp_path).names.values(), ()) == ("1.png",)


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
        f"The folder '{tmp_path}' holds no image: expected files ending in .png, .jpg, .jpeg, "
        ".bmp, .gif, .webp."
    )
