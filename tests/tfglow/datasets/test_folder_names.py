import pytest

from tfglow.datasets.folder_names import FolderName, Kind, name_words

CERTAIN = {
    Kind.TRAIN: (
        "train Train TRAIN training Training_Set trainset train-images images_train imgTrain "
        "train2017 train_2014 training_v2 trainA TrainB TRAINset tr trn trainval train_val "
        "train_samples 01_train train_64x64 traindata my-train-data"
    ),
    Kind.VALIDATION: "val Val valid VALID validation validate val2017 val_images dev devset ValSet",
    Kind.TEST: (
        "test Test TESTING tests test1 testA test_set testset TestImages eval evaluation holdout "
        "hold-out hold_out held_out HeldOut tst te images.test test-dev valtest"
    ),
    Kind.MASK: (
        "mask masks Masks annotations Annotation labels gt GT ground_truth GroundTruth gtFine "
        "train_masks masks_train SegmentationClass seg trimaps bounding_boxes depth"
    ),
    Kind.EXTRA: "thumbnails thumbs samples results test_results unlabeled unlabeled2017 extra Meta",
    Kind.CONTAINER: "images Images img JPEGImages photos data dataset fold1 part_02 raw_images",
    Kind.NAME: (
        "cat n01440764 0 2017 A trains trainers contest testament valley validated protest "
        "evaluator masked devil restroom normal abnormal small tree latest mastiff"
    ),
}
UNCERTAIN = {
    Kind.TRAIN: "bullet_train train-station xray_train",
    Kind.TEST: "test_tube cats_test train_test_split xtrain_test",
    Kind.MASK: "ski_mask with_mask cell_masks",
}


@pytest.mark.parametrize("kind", CERTAIN)
def test_names_that_say_what_they_are(kind):
    read = {name: FolderName.read(name) for name in CERTAIN[kind].split()}
    wrong = {name: own for name, own in read.items() if own.kind is not kind or not own.certain}
    assert not wrong


@pytest.mark.parametrize("kind", UNCERTAIN)
def test_names_that_leave_a_doubt(kind):
    for name in UNCERTAIN[kind].split():
        own = FolderName.read(name)
        assert (own.kind, own.certain) == (kind, False), name


def test_words():
    assert name_words("trainImages_2017") == ["train", "images"]
    assert name_words("JPEGImages") == ["jpeg", "images"]
    assert name_words("leftImg8bit") == ["left", "img", "bit"]
    assert name_words("Hold-Out Set") == ["holdout", "set"]
    assert name_words("café_été") == ["café", "été"]
    assert name_words("2017") == []


def test_unknown_words_can_be_left_out():
    assert FolderName.read("mnist_train").unknown == ("mnist",)
    assert FolderName.read("mnist_train", frozenset({"mnist"})).certain
