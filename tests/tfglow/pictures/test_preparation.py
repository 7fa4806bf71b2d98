import dataclasses

import numpy as np
import pytest
from PIL import Image

from tfglow.pictures.preparation import Preparation, top_bits


def test_the_record_is_read_back():
    made = Preparation((4, 6, 3), "center_crop", 4095, 5)
    assert Preparation.from_json(made.to_json().encode()) == made
    later = made.to_json().replace("{", '{"unknown": 1, ')
    assert Preparation.from_json(later) == made


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"image_shape": 3}', '{"resize": "crop"}', "null"]
)
def test_what_is_no_record_is_refused(text):
    with pytest.raises(ValueError, match="does not say how pictures are made"):
        Preparation.from_json(text)


def test_that_of_a_run():
    model = {"image_shape": [8, 8, 1], "num_bits": 4}
    config = {"model": model, "resize": "random_crop", "dataset": "folder"}
    assert Preparation.of_run(config) == Preparation((8, 8, 1), "random_crop", None, 4)
    assert Preparation.of_run({"model": model}) is None


def test_a_file_becomes_an_image(tmp_path):
    pixels = np.arange(8 * 12, dtype=np.uint8).reshape(8, 12)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    made = Preparation((4, 4, 1), "center_crop")
    image = made.fit(made.read(tmp_path / "a.png"))
    means = pixels.reshape(4, 2, 6, 2).mean((1, 3))[:, 1:5]
    np.testing.assert_allclose(image[..., 0], means, atol=0.5)


def test_random_crops_are_from_the_middle():
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    made = Preparation((4, 4, 1), "random_crop")
    # 6 x 6, of which 4 x 4: one pixel of the six on each side is left.
    whole = dataclasses.replace(made, image_shape=(6, 6, 1), resize="resize").fit(picture)
    np.testing.assert_array_equal(made.fit(picture), whole[1:5, 1:5])


def test_the_model_sees_its_bits():
    values = np.arange(256, dtype=np.uint8)
    for bits in range(1, 9):
        step = 2 ** (8 - bits)
        np.testing.assert_array_equal(top_bits(values, bits), values // step * step)
