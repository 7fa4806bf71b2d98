import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.client.files import (
    check_channels,
    check_picture_path,
    read_images,
    read_latents,
    save_latents,
    save_picture,
    write_whole,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 2, 3, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_saved_is_read(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 256, (4, 6, channels), dtype=np.uint8)
    save_picture(image, tmp_path / "image.png")
    read = read_images([tmp_path / "image.png"], (4, 6, channels), resize=False)
    np.testing.assert_array_equal(read[0], image)
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]


def test_another_size_is_refused_or_fitted(tmp_path):
    path = tmp_path / "image.png"
    Image.new("RGB", (40, 20), "red").save(path)
    with pytest.raises(ValueError, match=r"is 40x20, the model's images are 6x4; `--resize`"):
        read_images([path], (4, 6, 3), resize=False)
    fitted = read_images([path], (4, 6, 3), resize=True)
    assert fitted.shape == (1, 4, 6, 3) and (fitted == [255, 0, 0]).all()
    assert read_images([path], (4, 6, 1), resize=True).shape == (1, 4, 6, 1)


def test_colours_are_converted(tmp_path):
    path = tmp_path / "grey.png"
    Image.new("L", (2, 2), 7).save(path)
    assert (read_images([path], (2, 2, 3), resize=False) == 7).all()


@pytest.mark.parametrize("content", [None, b"", b"no image", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "image.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read .*image\.png as an image"):
        read_images([path], (2, 2, 3), resize=False)


def test_two_channels_are_no_problem_five_are(tmp_path):
    save_picture(IMAGES[0, ..., :2], tmp_path / "image.png")
    check_channels(2)
    message = "1 to 4 channels, the model's images have 5"
    with pytest.raises(ValueError, match=message):
        read_images([tmp_path / "image.png"], (2, 3, 5), resize=False)
    with pytest.raises(ValueError, match=message):
        check_channels(5)


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="image format"):
        check_picture_path(tmp_path / "grid.txt")
    with pytest.raises(ValueError, match="does not exist"):
        check_picture_path(tmp_path / "no" / "grid.png")
    (tmp_path / "grid.png").mkdir()
    with pytest.raises(ValueError, match="cannot write"):
        save_picture(IMAGES[0], tmp_path / "grid.png")
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, fail)
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_latents_are_read_back(tmp_path):
    latent, label = np.ones((2, 3), np.float32), np.array([1, 2], np.int32)
    save_latents(tmp_path / "a.npz", latent=latent, label=label)
    read = read_latents(tmp_path / "a.npz")
    np.testing.assert_array_equal(read[0], latent)
    np.testing.assert_array_equal(read[1], label)
    np.save(tmp_path / "b.npy", latent)
    assert read_latents(tmp_path / "b.npy")[1] is None


@pytest.mark.parametrize("content", [None, b"", b"text", b"PK\x03\x04 broken"])
def test_what_is_no_latent_file_is_refused(tmp_path, content):
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot read"):
        read_latents(path)


def test_places_that_cannot_be_read(tmp_path):
    """URLs are no folders called "gs:", and a pipe is not waited for."""
    for url in ("gs://bucket/a.npz", "file:///a.png", "S3:/b/c.png"):
        with pytest.raises(ValueError, match="must be a local path, got the URL"):
            read_images([Path(url)], (2, 2, 3), resize=True)
        with pytest.raises(ValueError, match="must be a local path, got the URL"):
            read_latents(Path(url))
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="it is not a file"):
            read_latents(path)
        with pytest.raises(ValueError, match="it is not a file"):
            read_images([path], (2, 2, 3), resize=True)


def test_pickles_are_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="cannot read"):
        read_latents(tmp_path / "a.npy")
    save_latents(tmp_path / "b.npz", other=np.zeros(1))
    with pytest.raises(ValueError, match="no array `latent`"):
        read_latents(tmp_path / "b.npz")
