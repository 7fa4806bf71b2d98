import numpy as np
import pytest
import tensorflow as tf

from tfglow import datasets
from tfglow.datasets import folder_source

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


def test_formats(tmp_path):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow, which writes the files, is not here.")
    block = np.kron(RNG.integers(0, 256, (2, 2, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    picture = pillow.fromarray(block)
    # JPEG keeps this image, of four 8 x 8 blocks, but for rounding.
    for name, tolerance, options in (
        ("a.png", 0, {}),
        ("a.bmp", 0, {}),
        ("a.gif", 0, {}),
        ("a.webp", 0, {"lossless": True}),
        ("a.jpg", 6, {"quality": 95, "subsampling": 0}),
    ):
        path = tmp_path / name
        picture.save(path, **options)
        image = folder_source.read_image(path, (None, None, 3))
        assert np.abs(image.astype(int) - block).max() <= tolerance, name


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow, which writes the files, is not here.")
    frames = [pillow.fromarray(np.full((4, 4), level, np.uint8)) for level in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    image = folder_source.read_image(tmp_path / "a.gif", (None, None, 1))
    np.testing.assert_array_equal(image, np.full((4, 4, 1), 10))


def test_channels_are_converted_file_by_file(tmp_path):
    for name, channels in (("grey", 1), ("grey_alpha", 2), ("rgb", 3), ("rgb_alpha", 4)):
        write(tmp_path / f"{name}.png", np.full((4, 4, channels), 90, np.uint8))
    for channels in (1, 3):
        data = datasets.load("folder", "train+test", tmp_path, (4, 4, channels))
        (batch,) = data.batches(4)
        np.testing.assert_array_equal(batch["image"], np.full((4, 4, 4, channels), 90))


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
    with pytest.raises(ValueError) as caught:
        datasets.load("folder", "train+test", tmp_path)
    assert str(caught.value) == (
        f"Cannot read the image file '{tmp_path}/odd.png': its shape is (4, 5, 3), but the first "
        "image's is (4, 4, 3)."
    )


@pytest.fixture
def broken(tmp_path):
    """A folder of 21 images, one of which is none, and the name of that one, which is not first."""
    for index in range(20):
        write(tmp_path / f"{index}.png", random_image(4, 4, 3))
    path = tmp_path / "broken.png"
    path.write_bytes(b"this is no image")
    return tmp_path, path


def test_an_unreadable_file_is_named(broken):
    place, path = broken
    with pytest.raises(ValueError) as caught:
        datasets.load("folder", "train+test", place, (4, 4, 3))
    message = str(caught.value)
    assert message.startswith(f"Cannot read the image file '{path}': Unknown image file format.")
    assert "\n" not in message


def test_an_unreadable_file_is_named_when_it_is_met(broken):
    place, path = broken
    data = datasets.load("folder", "train+test", place, (4, 4, 3), cache_bytes=0)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(data.batches(1))
    sentence = datasets.unreadable_image_message(caught.value)
    assert sentence.startswith(f"Cannot read the image file '{path}': Unknown image file format.")
    assert "\n" not in sentence


def test_other_errors_have_no_sentence_about_a_file():
    assert datasets.unreadable_image_message(ValueError("something else")) is None


@pytest.mark.parametrize("contents", [b"", b"nonsense"])
def test_an_unreadable_first_file_is_named_at_once(tmp_path, contents):
    path = tmp_path / "only.png"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=f"Cannot read the image file '{path}': "):
        datasets.load("folder", "train", tmp_path, cache_bytes=0)


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "only.png"
    write(path, random_image(64, 64, 3))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=f"Cannot read the image file '{path}': "):
        datasets.load("folder", "train", tmp_path)


def test_channels_that_cannot_be_converted(tmp_path):
    write(tmp_path / "only.png", random_image(4, 4, 3))
    with pytest.raises(ValueError) as caught:
        datasets.load("folder", "train", tmp_path, (4, 4, 4))
    assert str(caught.value) == (
        f"Cannot read the image file '{tmp_path}/only.png': An image of 3 channels cannot become "
        "one of 4: only grey and RGB, 1 and 3 channels, are converted."
    )


def test_an_empty_split(tmp_path):
    write(tmp_path / "only.png", random_image(4, 4, 3))
    with pytest.raises(ValueError) as caught:
        datasets.load("folder", "test", tmp_path)
    assert str(caught.value) == "The split 'test' of 'folder' holds no image."
