"""Folders as people have them: each layout is read rightly, or refused."""

import random
import re

import pytest

from tfglow.datasets.folder_classes import Classes
from tfglow.datasets.folder_files import FolderFiles
from tfglow.datasets.folder_layout import Folder, Layout, UncertainLayout, contents

COUNT = 6


def make(folder, places):
    """Six images in each place; of a place that ends in an extension, that file."""
    for place in places.split():
        files = [place] if place.endswith(".png") else [f"{place}/{i}.png" for i in range(COUNT)]
        for file in files:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return folder


def folders(files):
    """The folders of each split's images."""
    return {
        split: {name.rpartition("/")[0] for name in names} for split, names in files.names.items()
    }


# Places of images, folders of each split (train, validation, test), classes.
READ = {
    "torchvision": ("train val", "train", "val", "", ""),
    "capitals": ("TRAIN TEST", "TRAIN", "", "TEST", ""),
    "title": ("Train Test Valid", "Train", "Valid", "Test", ""),
    "long": ("training validation testing", "training", "validation", "testing", ""),
    "sets": ("train_set test_set", "train_set", "", "test_set", ""),
    "joined": ("trainset testset valset", "trainset", "valset", "testset", ""),
    "images-first": ("images_train images-test", "images_train", "", "images-test", ""),
    "images-last": ("trainImages TestImages", "trainImages", "", "TestImages", ""),
    "data": ("train-data test.data/x", "train-data", "", "test.data/x", ""),
    "short": ("tr te", "tr", "", "te", ""),
    "shorter": ("trn tst dev", "trn", "dev", "tst", ""),
    "held out": ("training hold_out", "training", "", "hold_out", ""),
    "evaluation": ("train evaluation", "train", "", "evaluation", ""),
    "spaces": ("Training~Images Test~Images", "Training~Images", "", "Test~Images", ""),
    "numbered": ("1_train 2_test", "1_train", "", "2_test", ""),
    "dogs against cats": ("train test1", "train", "", "test1", ""),
    "versions": ("training_v2 test_v2", "training_v2", "", "test_v2", ""),
    "sizes": ("train_64x64 valid_64x64", "train_64x64", "valid_64x64", "", ""),
    "years": (
        "train_2014 val_2014 test_2015", "train_2014", "val_2014", "test_2015", ""
    ),
    "named after the data": ("mnist_train mnist_test", "mnist_train", "", "mnist_test", ""),
    "DIV2K": (
        "DIV2K_train_HR DIV2K_valid_HR", "DIV2K_train_HR", "DIV2K_valid_HR", "", ""
    ),
    "COCO": (
        "train2017 val2017 test2017 annotations/stuff", "train2017", "val2017", "test2017", ""
    ),
    "COCO, images apart": (
        "images/train2017 images/val2017 annotations unlabeled2017",
        "images/train2017", "images/val2017", "", "",
    ),
    "ImageNet": (
        "train/n01440764 train/n01443537 val/n01440764 val/n01443537",
        "train/n01440764 train/n01443537", "val/n01440764 val/n01443537", "",
        "n01440764 n01443537",
    ),
    "Tiny ImageNet": (
        "train/n1/images train/n2/images val/images test/images",
        "train/n1/images train/n2/images", "val/images", "test/images", "",
    ),
    "a level deeper": ("dataset/train dataset/test", "dataset/train", "", "dataset/test", ""),
    "two levels deeper": (
        "archive/data/Train/a archive/data/Train/b archive/data/Test/a",
        "archive/data/Train/a archive/data/Train/b", "", "archive/data/Test/a", "a b",
    ),
    "splits below classes": (
        "cat/train cat/test dog/train dog/test", "cat/train dog/train", "", "cat/test dog/test",
        "cat dog",
    ),
    "as archives unpack": (
        "seg_train/seg_train/sea seg_train/seg_train/glacier seg_test/seg_test/sea "
        "seg_pred/seg_pred",
        "seg_train/seg_train/sea seg_train/seg_train/glacier", "", "seg_test/seg_test/sea",
        "glacier sea",
    ),
    "MVTec AD": (
        "bottle/train/good bottle/test/good bottle/test/broken bottle/ground_truth/broken "
        "cable/train/good cable/test/bent cable/ground_truth/bent",
        "bottle/train/good cable/train/good", "",
        "bottle/test/good bottle/test/broken cable/test/bent", "bottle cable",
    ),
    "MVTec AD, one category": (
        "train/good test/good test/broken ground_truth/broken", "train/good", "",
        "test/good test/broken", "",
    ),
    "Pix2Pix": ("facades/train facades/val", "facades/train", "facades/val", "", ""),
    "CycleGAN": (
        "trainA trainB testA testB", "trainA trainB", "", "testA testB", ""
    ),
    "Cityscapes": (
        "leftImg8bit/train/aachen leftImg8bit/val/bonn gtFine/train/aachen gtFine/val/bonn",
        "leftImg8bit/train/aachen", "leftImg8bit/val/bonn", "", "",
    ),
    "ADE20K": (
        "images/training images/validation annotations/training annotations/validation",
        "images/training", "images/validation", "", "",
    ),
    "YOLO": (
        "train/images train/labels valid/images valid/labels", "train/images", "valid/images",
        "", "",
    ),
    "Carvana": ("train train_masks test", "train", "", "test", ""),
    "masks in each split": (
        "train_images train_mask val_images val_mask", "train_images", "val_images", "", ""
    ),
    "FER2013": (
        "Training PublicTest PrivateTest", "Training", "", "PublicTest PrivateTest", ""
    ),
    "GTSRB": ("Train/0 Train/1 Test Meta", "Train/0 Train/1", "", "Test", ""),
    "samples beside": ("train test samples thumbs", "train", "", "test", ""),
    "some without classes": ("train/a train/b test", "train/a train/b", "", "test", ""),
    "a class to test on alone": (
        "train/a train/b test/a test/c", "train/a train/b", "", "test/a test/c", ""
    ),
    "inputs and answers": (
        "X_train y_train X_test y_test", "X_train", "", "X_test", ""
    ),
    "DUTS": (
        "DUTS-TR/DUTS-TR-Image DUTS-TR/DUTS-TR-Mask DUTS-TE/DUTS-TE-Image DUTS-TE/DUTS-TE-Mask",
        "DUTS-TR/DUTS-TR-Image", "", "DUTS-TE/DUTS-TE-Image", "",
    ),
    "CamVid": ("train trainannot val valannot", "train", "val", "", ""),
    "masks of something beside splits": ("train val lung_masks", "train", "val", "", ""),
    "SuperDataScience": (
        "training_set/cats training_set/dogs test_set/cats test_set/dogs single_prediction",
        "training_set/cats training_set/dogs", "", "test_set/cats test_set/dogs", "cats dogs",
    ),
    "test-dev": ("train test-dev", "train", "", "test-dev", ""),
    "KITTI road": (
        "training/image_2 training/gt_image_2 testing/image_2", "training/image_2", "",
        "testing/image_2", "",
    ),
    "DAGM": (
        "Class1/Train Class1/Train/Label Class1/Test Class2/Train Class2/Test Class2/Test/Label",
        "Class1/Train Class2/Train", "", "Class1/Test Class2/Test", "Class1 Class2",
    ),
    "other languages": ("训练集 测试集", "训练集", "", "测试集", ""),
    "German": (
        "Training/Hund Training/Katze Prüfung/Hund Prüfung/Katze",
        "Training/Hund Training/Katze", "", "Prüfung/Hund Prüfung/Katze", "Hund Katze",
    ),
    "letters and marks apart": ("entrai\u0302nement tests", "entrai\u0302nement", "", "tests", ""),
    "Korean": ("훈련 검증 테스트", "훈련", "검증", "테스트", ""),
    "wide letters": ("ｔｒａｉｎ ｔｅｓｔ", "ｔｒａｉｎ", "", "ｔｅｓｔ", ""),
    "only to test on": ("test", "", "", "test", ""),
}  # fmt: skip

# Places of images that are all one split, the folders that are read, classes.
POOLED = {
    "flat": ("1.png 2.png", "", ""),
    "VOC": ("JPEGImages SegmentationClass SegmentationObject", "JPEGImages", ""),
    "images and masks": ("images masks", "images", ""),
    "beside thumbnails": ("1.png 2.png thumbnails .cache", "", ""),
    "classes": ("cat dog", "cat dog", "cat dog"),
    "classes a level deeper": ("PetImages/Cat PetImages/Dog", "PetImages/Cat PetImages/Dog",
                               "Cat Dog"),
    "images in classes": ("cat/images dog/images", "cat/images dog/images", "cat dog"),
    "digits": ("0 1 2 3", "0 1 2 3", "0 1 2 3"),
    "letters": ("A B C", "A B C", "A B C"),
    "folds": ("fold_1 fold_2", "fold_1 fold_2", ""),
    "parts": ("images_001/images images_002/images", "images_001/images images_002/images", ""),
    "train alone": ("train/a train/b", "train/a train/b", "a b"),
    "trains": ("bullet_train old_trains plane", "bullet_train old_trains plane",
               "bullet_train old_trains plane"),
    "one of many": ("a b c d e f g h i j picture_frame", "a b c d e f g h i j picture_frame",
                    "a b c d e f g h i j picture_frame"),
    "Penn-Fudan": ("PennFudanPed/PNGImages PennFudanPed/PedMasks PennFudanPed/Annotation",
                   "PennFudanPed/PNGImages", ""),
    "named after its masks": ("lung_segmentation/images lung_segmentation/masks",
                              "lung_segmentation/images", ""),
    "system folders": ("cat dog __MACOSX/cat @eaDir/cat", "cat dog", "cat dog"),
    "several depths": ("a/x a/y b/z", "a/x a/y b/z", ""),
    "parts with the same classes": ("part1/a part1/b part2/a part2/b",
                                    "part1/a part1/b part2/a part2/b", "a b"),
    "words that hold others": ("testament valley trained", "testament valley trained",
                               "testament trained valley"),
}  # fmt: skip

REFUSED = {
    "a class that may be a split": ("car train plane", "whether 'train' is a split"),
    "a class to test on": ("cats dogs holdout", "whether 'holdout' is a split"),
    "a class beside splits": ("train test cats", "whether 'train' or 'test' is a split"),
    "images beside splits": ("train test 1.png", "whether 'train' or 'test' is a split"),
    "classes in splits": ("cats dogs cats_test dogs_test", "what 'cats_test' or 'dogs_test' is"),
    "one of many, with its class": ("a b c d e f g h i a_test", "whether 'a_test' is a split"),
    "one of many, with masks": ("a b c d e f g h i j ski_mask", "what 'ski_mask' is"),
    "one of many, to test on": ("a b c d e f g h i j hard_tests", "what 'hard_tests' is"),
    "cross-validation": (
        "fold1/train fold1/test fold2/train fold2/test", "which of 'fold1' or 'fold2' divides"
    ),
    "some with splits": ("a/train a/test b", "whether the splits in 'a' are of all images"),
    "masks beside classes": ("cats dogs masks", "whether 'masks' is a class"),
    "masks as classes": ("with_mask without_mask", "what 'with_mask' or 'without_mask' is"),
    "masks alone": ("masks", "whether 'masks' is to be trained on"),
    "masks of splits alone": ("masks_train masks_test", "whether 'masks_test' or 'masks_train' is"),
    "one class beside masks": ("cats masks", "whether 'masks' is a class"),
    "an unknown truth": ("images 1st_manual mask", "whether 'images' or '1st_manual' are classes"),
    "images to train on?": ("images test", "whether 'test' is a split"),
    "all of it": ("all train", "whether 'train' is a split"),
    "train in test": ("test/train test/a", "whether 'train' is a split"),
    "test in train and back": ("test/train", "which images are tested on"),
    "train with validation": ("trainval val", "whether 'trainval' holds what is tested on"),
    "splits in words that are not known": (
        "opleiden/cat opleiden/dog beproeven/cat beproeven/dog",
        "whether 'beproeven' or 'opleiden' is a split or a class",
    ),
    "such splits of one class": ("leren/cat proef/cat", "whether 'leren' or 'proef' is a split or"),
    "a class is not tested on": ("a/x a/y b/x", "whether 'a' or 'b' is a split or a class"),
    "such splits beside others": (
        "leren/cat proef/cat rest", "whether 'leren' or 'proef' is a split or a class"
    ),
    "classes above and below": (
        "a/train/x a/train/y a/test/x b/train/x b/test/y", "whether the folders above the splits"
    ),
}  # fmt: skip


def test_enough_layouts():
    assert len(READ) + len(POOLED) + len(REFUSED) > 75


def _named(text):
    return {place.replace("~", " ") for place in text.split()}


@pytest.mark.parametrize("name", READ)
def test_splits_are_read(tmp_path, name):
    places, train, validation, test, classes = READ[name]
    make(tmp_path / "data", places)
    for path in sorted((tmp_path / "data").rglob("*~*")):
        path.rename(path.with_name(path.name.replace("~", " ")))
    files = FolderFiles.find(tmp_path / "data")
    wanted = {"train": train, "validation": validation, "test": test}
    assert folders(files) == {split: _named(text) for split, text in wanted.items() if text}
    assert files.class_names == tuple(classes.split())


@pytest.mark.parametrize("name", POOLED)
def test_without_splits_a_tenth_is_tested_on(tmp_path, name):
    places, read, classes = POOLED[name]
    files = FolderFiles.find(make(tmp_path, places))
    assert set(files.names) == {"train", "test"}
    assert set.union(*folders(files).values()) == (_named(read) or {""})
    assert len(files.names["test"]) < len(files.names["train"]) or len(files.names["test"]) == 1
    assert files.class_names == tuple(sorted(classes.split()))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_certain_is_refused(tmp_path, name):
    places, doubt = REFUSED[name]
    with pytest.raises(ValueError) as caught:
        FolderFiles.find(make(tmp_path, places))
    message = str(caught.value)
    assert message.startswith(f"It is not certain {doubt}")
    assert "\n" not in message
    assert "--train_folder and --test_folder (folders in " in message
    for remedy in ("folders", "none"):
        try:
            FolderFiles.find(tmp_path, classes_from=remedy)
        except ValueError:
            assert f"--classes_from={remedy}" not in message
        else:
            assert f"--classes_from={remedy}" in message
    if "above" not in name:
        assert re.search(r"which holds .*\(\d+\)", message)


@pytest.mark.parametrize(
    "name", [name for name, (places, _) in REFUSED.items() if "/" not in places]
)
def test_what_was_refused_can_be_said(tmp_path, name):
    places = REFUSED[name][0].split()
    make(tmp_path, " ".join(places))
    first = next(place for place in places if not place.endswith(".png"))
    files = FolderFiles.find(tmp_path, train_folder=first)
    assert set.union(*folders(files).values()) == {first}


def test_what_is_passed_over_is_said(tmp_path):
    make(tmp_path, "train test masks thumbs/small")
    assert FolderFiles.find(tmp_path).notes == (
        f"Not read in '{tmp_path}', by their names: masks (6 images), thumbs (6 images).",
    )


def test_classes_that_are_none_are_said(tmp_path):
    make(tmp_path, "train/a train/b test")
    assert FolderFiles.find(tmp_path).notes == (
        "The images have no labels: the test split has images without a folder, which the train "
        "split has not.",
    )


VOCABULARY = {
    "train": "train Train training train_set images_train train2017 trainA tr X_train",
    "test": "test Test testing_set TestImages holdout eval val VALID validation2017 dev test1",
    "mask": "masks annotations labels gt ground_truth train_masks seg SegmentationClass y_test",
    "extra": "thumbnails samples results",
    "part": "images data JPEGImages",
    "other": "cat dog bottle n01440764 0 good broken",
}
WORDS = {kind: set(text.split()) for kind, text in VOCABULARY.items()}


def random_names(rng):
    """Images in folders of up to three levels, called as folders of data sets are."""
    kinds = [*VOCABULARY, "train", "test", "other", "other"]

    def grow(path, depth):
        if depth == 0 or (depth < 3 and rng.random() < 0.3):
            return [f"{path}{i}.png" for i in range(rng.randint(1, 3))]
        beside = [f"{path}z.png"] if rng.random() < 0.1 else []
        folders = {
            rng.choice(VOCABULARY[rng.choice(kinds)].split()) for _ in range(rng.randint(1, 3))
        }
        below = [name for folder in sorted(folders) for name in grow(f"{path}{folder}/", depth - 1)]
        return [*beside, *below]

    return grow("", rng.randint(1, 3))


def test_whatever_is_read_no_test_image_is_trained_on_and_no_split_is_a_class():
    rng = random.Random(0)
    read = 0
    for _ in range(3000):
        names = random_names(rng)
        try:
            places = Layout(Folder.of(names)).places
            classes = Classes.of(places, "auto").names
        except UncertainLayout:
            continue
        read += 1
        for name, place in places.items():
            above = set(name.split("/")[:-1])
            assert not above & WORDS["mask"], names
            assert place.split not in ("train", None) or not above & WORDS["test"], names
        assert not set(classes) & set.union(*(WORDS[k] for k in ("train", "test", "mask"))), names
    assert read > 1000


def test_subfolders_of_one_image_each_are_no_classes(tmp_path):
    """As the nuclei of the 2018 data science bowl come."""
    make(tmp_path, " ".join(f"stage1_train/{i}/images/{i}.png" for i in range(12)))
    make(tmp_path, "stage1_train/3/masks")
    files = FolderFiles.find(tmp_path)
    assert files.class_names == ()
    assert "every subfolder holds a single image" in files.notes[-1]


def test_contents_of_many_folders():
    names = [f"{folder}/{i}.png" for folder in range(10) for i in range(folder + 1)]
    assert contents(Folder.of([*names, "a.png"])) == (
        "9 (10), 8 (9), 7 (8), 6 (7), 5 (6), 4 (5), 3 (4), 2 (3), 2 more folders, and beside them 1"
    )


def test_a_doubt_says_where_it_is():
    with pytest.raises(UncertainLayout) as caught:
        Layout(Folder.of(["x/train/1.png", "x/car/1.png"]))
    assert (caught.value.path, caught.value.held) == ("x", "car (1), train (1)")
