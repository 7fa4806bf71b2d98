import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfglow import datasets
from tfglow.datasets import folder_source

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(image).numpy())


def random_image(*shape):
    return RNG.integers(0, 256, shape).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """40 RGB images of 6 x 5 pixels in two classes, with known splits."""
    images = {}
    for split, count in (("train", 15), ("test", 5)):
        for kind in ("cat", "dog"):
            for index in range(count):
                image = images[split, kind, index] = random_image(6, 5, 3)
                write(tmp_path / split / kind / f"{index}.png", image)
    return tmp_path, images


def rows(batches):
    return sorted(
        (image.tobytes(), int(label))
        for batch in batches.as_numpy_iterator()
        for image, label in zip(batch["image"], batch["label"], strict=True)
    )


@pytest.mark.parametrize("cache_bytes", [2**30, 0])
def test_pixels_and_labels(folder, cache_bytes):
    place, images = folder
    for split, count in (("train", 30), ("test", 10)):
        data = datasets.load("folder", split, place, cache_bytes=cache_bytes)
        assert (data.name, data.split, data.num_images) == ("folder", split, count)
        assert data.image_shape == (6, 5, 3)
        assert data.class_names == ("cat", "dog")
        expected = sorted(
            (image.tobytes(), ("cat", "dog").index(kind))
            for (part, kind, _), image in images.items()
            if part == split
        )
        assert rows(data.batches(10)) == expected
        assert rows(data.batches(10, shuffle=False)) == expected


def test_memory_and_files_give_the_same_batches(folder):
    place, _ = folder
    batches = [
        list(
            datasets.load("folder", "train", place, (4, 4, 3), "center_crop", cache_bytes=size)
            .batches(7, seed=1, flip=True, shift=1)
            .as_numpy_iterator()
        )
        for size in (2**30, 0)
    ]
    assert len(batches[0]) == 4
    for kept, read in zip(*batches, strict=True):
        for key in ("image", "label", "noise"):
            np.testing.assert_array_equal(kept[key], read[key])


def test_images_of_other_workers_and_of_steps_already_done_are_not_read(folder, monkeypatch):
    place, _ = folder
    data = datasets.load("folder", "train", place, cache_bytes=0)
    read = []
    read_image = folder_source.read_image
    monkeypatch.setattr(
        folder_source,
        "read_image",
        lambda path, *rest: read.append(path) or read_image(path, *rest),
    )
    batches = data.batches(3, num_shards=2, shard_index=1, start_batch=3)
    assert sum(1 for _ in batches) == 2
    assert len(read) == 6


def test_slices_of_splits(folder):
    place, _ = folder
    halves = [datasets.load("folder", f"train[{half}]", place) for half in (":50%", "50%:")]
    assert [half.num_images for half in halves] == [15, 15]
    both = [row for half in halves for row in rows(half.batches(15))]
    assert sorted(both) == rows(datasets.load("folder", "train", place).batches(30))


def test_channels_are_converted_file_by_file(tmp_path):
    for name, channels in (("grey", 1), ("grey_alpha", 2), ("rgb", 3), ("rgb_alpha", 4)):
        image = np.full((4, 4, channels), 90, np.uint8)
        if channels in (2, 4):
            image[..., -1] = 255
        write(tmp_path / f"{name}.png", image)
    for channels in (1, 3):
        data = datasets.load("folder", "train+test", tmp_path, (4, 4, channels))
        (batch,) = data.batches(4)
        np.testing.assert_array_equal(batch["image"], np.full((4, 4, 4, channels), 90))


def test_a_grey_file_does_not_make_the_others_grey(tmp_path):
    for index in range(8):
        write(tmp_path / f"{index}.png", random_image(4, 4, 3 if index % 4 else 1))
    data = datasets.load("folder", "train+test", tmp_path)
    assert data.image_shape == (4, 4, 3)
    assert data.notes == ("2 of 8 images are grey, and are read in colour as the others.",)
    for index in range(8):
        write(tmp_path / f"{index}.png", random_image(4, 4, 1))
    assert datasets.load("folder", "train+test", tmp_path).image_shape == (4, 4, 1)


def test_a_turned_photo_has_the_size_that_is_shown(tmp_path):
    for index in range(4):
        write(tmp_path / f"{index}.png", random_image(4, 6, 3))
    exif = Image.Exif()
    exif[0x112] = 6  # To be turned by a quarter.
    Image.fromarray(random_image(6, 4, 3)).save(tmp_path / "turned.jpg", exif=exif)
    data = datasets.load("folder", "train+test", tmp_path)
    assert (data.image_shape, data.num_images) == ((4, 6, 3), 5)


def test_files_of_other_kinds_are_counted(tmp_path):
    for index in range(4):
        write(tmp_path / f"{index}.png", random_image(4, 4, 3))
        (tmp_path / f"{index}.HEIC").write_bytes(b"")
    (tmp_path / "notes").write_text("")
    with pytest.warns(UserWarning, match="5 files are not read, .*: 4 .heic, 1 without an ext"):
        datasets.load("folder", "train+test", tmp_path)


def test_a_file_is_read_by_its_content(tmp_path):
    image = random_image(4, 4, 3)
    write(tmp_path / "a.jpg", image)
    np.testing.assert_array_equal(folder_source.read_image(tmp_path / "a.jpg"), image)


def test_images_of_differing_size_are_fitted_to_the_wanted_shape(tmp_path):
    for index, size in enumerate([(4, 6), (9, 3), (4, 4), (1, 7)]):
        write(tmp_path / f"{index}.png", random_image(*size, 3))
    for resize in datasets.RESIZES:
        data = datasets.load("folder", "train+test", tmp_path, (4, 4, 3), resize)
        (batch,) = data.batches(4)
        assert batch["image"].shape == (4, 4, 4, 3)


def test_images_of_differing_size_without_a_wanted_shape(tmp_path):
    for index in range(20):
        write(tmp_path / f"{index}.png", random_image(4, 4, 3))
    write(tmp_path / "odd.png", random_image(4, 5, 3))
    with pytest.raises(ValueError, match=r"differ in size, 20 of 4x4 \(\d+\.png\), 1 of 4x5 \(odd"):
        datasets.load("folder", "train+test", tmp_path)


@pytest.fixture
def broken(tmp_path):
    """A folder of 21 images in two classes, three of which are none."""
    for index in range(18):
        write(tmp_path / "ab"[index % 2] / f"{index}.png", np.full((4, 4, 3), index, np.uint8))
    (tmp_path / "a" / "text.png").write_bytes(b"this is no image")
    (tmp_path / "b" / "empty.png").write_bytes(b"")
    whole = tf.io.encode_png(random_image(64, 64, 3)).numpy()
    (tmp_path / "b" / "cut.png").write_bytes(whole[:500])
    return tmp_path


REASONS = {
    "a/text.png": "its content is not that of a PNG, JPEG, GIF, BMP, WebP, TIFF or PPM file.",
    "b/empty.png": "it is empty.",
    "b/cut.png": "image file is truncated.",
}


@pytest.mark.parametrize("cache_bytes", [2**30, 0])
def test_unreadable_files_are_named_all_at_once(broken, cache_bytes):
    with pytest.raises(ValueError, match=r"^In .* 3 of 21 image files cannot be read: ") as caught:
        datasets.load("folder", "train+test", broken, (4, 4, 3), cache_bytes=cache_bytes)
    for name, reason in REASONS.items():
        assert f"'{name}' ({reason[:-1]}" in str(caught.value)
    assert str(caught.value).endswith("--bad_images=skip leaves such files out.")


@pytest.mark.parametrize("cache_bytes", [2**30, 0])
def test_unreadable_files_are_left_out(broken, cache_bytes):
    with pytest.warns(UserWarning, match=r"^In .* 3 of 21 .* and are left out: "):
        data = datasets.load(
            "folder", "train+test", broken, (4, 4, 3), cache_bytes=cache_bytes, bad_images="skip"
        )
    assert data.num_images == 18
    assert {file: reason[:16] for file, reason in data.skipped} == {
        file: reason[:16] for file, reason in REASONS.items()
    }
    found = rows(data.batches(18))
    assert found == sorted((bytes([i] * 48), i % 2) for i in range(18))
    # The same files left out by name: the same order, without looking at them.
    again = datasets.load(
        "folder", "train+test", broken, (4, 4, 3), cache_bytes=cache_bytes, bad_images="later",
        left_out=[file for file, _ in data.skipped],
    )  # fmt: skip
    assert {file for file, _ in again.skipped} == set(REASONS)
    for one, other in zip(data.batches(5), again.batches(5), strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])


def test_a_file_that_is_left_out_moves_no_other_to_another_split(broken):
    with pytest.warns(UserWarning, match="left out"):
        kept = [
            datasets.load("folder", f"train[{half}]", broken, (4, 4, 3), bad_images="skip")
            for half in (":50%", "50%:")
        ]
    for name in REASONS:
        write(broken / name, np.full((4, 4, 3), 99, np.uint8))
    repaired = [
        datasets.load("folder", f"train[{half}]", broken, (4, 4, 3)) for half in (":50%", "50%:")
    ]
    for before, after in zip(kept, repaired, strict=True):
        old, new = (rows(data.batches(data.num_images)) for data in (before, after))
        assert old == [row for row in new if row[0][0] != 99]


def test_an_unreadable_file_is_named_when_it_is_met(broken):
    data = datasets.load(
        "folder", "train+test", broken, (4, 4, 3), cache_bytes=0, bad_images="later"
    )
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(data.batches(1))
    sentence = datasets.unreadable_image_message(caught.value)
    assert sentence.startswith(f"Cannot read the image file '{broken}/")
    assert "\n" not in sentence


def test_other_errors_have_no_sentence_about_a_file():
    assert datasets.unreadable_image_message(ValueError("something else")) is None


def test_of_one_unreadable_file_the_whole_sentence_is_said(tmp_path):
    path = tmp_path / "only.png"
    path.write_bytes(b"")
    for bad_images in ("stop", "skip"):
        with pytest.raises(ValueError, match=r"only\.png'?[: (]+it is empty"):
            datasets.load("folder", "train", tmp_path, (4, 4, 3), bad_images=bad_images)
    with pytest.raises(ValueError, match="`bad_images` must be one of 'stop', 'skip', 'later'; "):
        datasets.load("folder", "train", tmp_path, bad_images="ignore")


def test_several_frames_are_said(tmp_path):
    frames = [Image.new("L", (4, 4), level) for level in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match=r"1 file has several frames or pages, .*: a\.gif\."):
        data = datasets.load("folder", "train", tmp_path, (4, 4, 1))
    (batch,) = data.batches(1)
    np.testing.assert_array_equal(batch["image"], np.full((1, 4, 4, 1), 10))


def test_channels_that_cannot_be_converted(tmp_path):
    write(tmp_path / "only.png", random_image(4, 4, 3))
    with pytest.raises(ValueError, match="An image of 3 channels cannot become one of 4: only"):
        datasets.load("folder", "train", tmp_path, (4, 4, 4))


def test_an_empty_split(tmp_path):
    write(tmp_path / "only.png", random_image(4, 4, 3))
    with pytest.raises(ValueError) as caught:
        datasets.load("folder", "test", tmp_path)
    assert str(caught.value) == (
        f"The folder '{tmp_path}' holds a single image, and none for the split 'test': it needs "
        "two."
    )
    write(tmp_path / "other.png", random_image(4, 4, 3))
    with pytest.raises(ValueError, match=r"The split 'train\[:0\]' of 'folder' holds no image"):
        datasets.load("folder", "train[:0]", tmp_path)


@pytest.mark.parametrize("cache_bytes", [2**30, 0])
def test_names_that_are_not_utf_8_are_read(tmp_path, cache_bytes):
    images = [random_image(4, 4, 3) for _ in range(6)]
    for index, image in enumerate(images):
        folder = os.path.join(os.fsencode(tmp_path), b"caf\xe9" if index % 2 else b"th\xe9")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, b"%d\xff.png" % index), "wb") as file:
            file.write(tf.io.encode_png(image).numpy())
    data = datasets.load("folder", "train+test", tmp_path, cache_bytes=cache_bytes)
    assert data.class_names == (r"caf\xe9", r"th\xe9")
    expected = sorted((image.tobytes(), (index + 1) % 2) for index, image in enumerate(images))
    for epoch in range(2):
        assert rows(data.batches(6, epoch=epoch)) == expected


def test_what_was_decided_is_said_once(tmp_path, caplog):
    for index in range(6):
        write(tmp_path / "images" / f"{index}.png", random_image(4, 4, 3))
        write(tmp_path / "masks" / f"{index}.png", random_image(4, 4, 1))
    for split in ("train", "test"):
        data = datasets.load("folder", split, tmp_path)
        assert data.notes == (f"Not read in '{tmp_path}', by their names: masks (6 images).",)
    assert [record.message for record in caplog.records] == list(data.notes)


def test_it_says_that_a_split_holds_images_twice(folder):
    place, _ = folder
    data = datasets.load("folder", "train[:5]+train[3:9]", place)
    assert data.num_images == 11
    assert data.notes == ("The split 'train[:5]+train[3:9]' of 'folder' holds 2 images twice.",)
