"""Answers as arrays, and which value of a row the client names."""

import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2

from serving.client.answers import InvalidRowError, describe, read_answer
from serving.client.signatures import TensorDescription
from serving.tensors import to_proto

SEEDS = np.arange(3)


class Answered:
    """A call that has these outputs."""

    def __init__(self, **outputs):
        self.response = predict_pb2.PredictResponse()
        for name, value in outputs.items():
            self.response.outputs[name].CopyFrom(to_proto(np.asarray(value)))

    def result(self):
        return self.response


WANTED = {
    "valid": TensorDescription("bool", (None,)),
    "latent": TensorDescription("float", (None, 2)),
}
PART = {"seed": SEEDS, "temperature": np.array([1, -1, -2], np.float32)}


def test_valid_rows_are_the_outputs():
    future = Answered(valid=[True] * 3, latent=np.arange(6, dtype=np.float32).reshape(3, 2))
    answer = read_answer(future, PART, 0, WANTED)
    assert answer.keys() == {"latent"}
    np.testing.assert_array_equal(answer["latent"], np.arange(6.0).reshape(3, 2))


def test_the_first_bad_row_is_named_by_its_number_in_the_whole_request():
    future = Answered(valid=[True, False, False], latent=np.zeros((3, 2), np.float32))
    with pytest.raises(InvalidRowError, match=r"^row 65: `temperature` = -1\.0, ") as caught:
        read_answer(future, PART, 64, WANTED)
    assert caught.value.row == 65


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"seed": SEEDS, "temperature": np.array([1, 1, -2.5])}, "`temperature` = -2.5"),
        ({"temperature": np.array([1, 1, np.inf])}, "`temperature` = inf, which is not finite"),
        ({"latent": np.array([[0, 0], [0, 0], [0, np.nan]])}, r"`latent`[1] = nan"),
        ({"latent": np.zeros((3, 2)), "label": np.array([0, 0, 9])}, "`label` = 9"),
        (
            {"seed": SEEDS, "temperature": np.ones(3)},
            "`seed` = 2, `temperature` = 1.0, whose image is not finite",
        ),
        (
            {"seed": SEEDS, "temperature": np.ones(3), "label": np.array([0, 0, 4])},
            "`label` = 4, which is not one of the model's classes, or `seed` = 2, `temp",
        ),
        ({"latent": np.zeros((3, 2))}, "`latent`, so far from those of images that its image"),
        ({"image": np.zeros((3, 2, 2, 1), np.uint8)}, "`image`, whose latent or likelihood is not"),
        ({"image_bytes": np.array([b"", b"", b"x"], object)}, "`image_bytes`, which is no picture"),
        ({"other": np.zeros((3, 2), np.int32)}, "a value that the model does not accept"),
    ],
)
def test_names_the_value(inputs, expected):
    assert expected in describe(inputs, 2)
