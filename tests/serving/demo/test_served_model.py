"""What the page keeps of a model, and a detector's score."""

import numpy as np
import pytest

from serving.client.glow_client import Encoding
from serving.client.signatures import ModelDescription, SignatureDescription, TensorDescription
from serving.demo.classes import MOST_CLASSES, count_classes
from serving.demo.served_model import ServedModel
from serving.demo.sources import Sampled

IMAGE = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
SOURCE = Sampled(1, 0.7)


class FakeClient:
    """Answers as a served model would, and counts what it is asked."""

    def __init__(self, version=1, score=None, num_classes=0):
        self.version = version
        self.score = score
        self.num_classes = num_classes
        self.rows = 0
        self.asked = []

    def metadata(self):
        image = {"image": TensorDescription("uint8", (None, 2, 2, 1))}
        latent = {"latent": TensorDescription("float", (None, 4))}
        signatures = {
            "encode": SignatureDescription(image, latent),
            "decode": SignatureDescription(latent, image),
            "sample": SignatureDescription({}, image),
        }
        if self.score is not None:
            signatures["score"] = SignatureDescription(dict.fromkeys(self.score, None), {})
        return ModelDescription("glow", self.version, signatures)

    def preparation(self):
        return None

    def predict(self, signature, inputs, labels=None):
        self.asked.append(signature)
        if signature == "score":
            return {
                "score": np.array([2.5], np.float32),
                "many": np.array([[1.0]]),
                "map": np.zeros([1, 4], np.float32),
            }
        return {"image": IMAGE + np.uint8(self.version), "latent": np.zeros([1, 4], np.float32)}

    def predict_with_valid(self, signature, inputs, labels):
        self.rows += len(labels)
        return {"valid": np.asarray(labels) < self.num_classes}

    def encode(self, images, labels):
        return Encoding(np.zeros([1, 4], np.float32), np.array([-3.0]), np.array([1.0]))

    def decode(self, latents, labels):
        return IMAGE


@pytest.mark.parametrize(
    ("inputs", "scores"),
    [(None, {}), (("image",), {"score": 2.5}), (("image", "label"), {"score": 2.5}), (("x",), {})],
)
def test_a_score_where_the_model_has_one_of_images(inputs, scores):
    model = ServedModel(FakeClient(score=inputs), None, 100)
    assert model.look(SOURCE).scores == scores


def test_a_picture_is_asked_for_once_a_version():
    client = FakeClient()
    model = ServedModel(client, None, 100)
    first = model.refresh()
    pictures = [model.picture(SOURCE) for _ in range(3)]
    assert client.asked == ["sample"]
    assert model.refresh() is first
    client.version = 2
    assert model.refresh().token != first.token
    np.testing.assert_array_equal(model.picture(SOURCE), pictures[0] + 1)
    assert client.asked == ["sample"] * 2


@pytest.mark.parametrize("num_classes", [1, 2, 3, 10, 40, 1000, MOST_CLASSES, 10**6])
def test_count_classes(num_classes):
    client = FakeClient(num_classes=num_classes)
    assert count_classes(client, 4) == min(num_classes, MOST_CLASSES)
    assert client.rows <= 50


def test_a_version_that_could_not_be_looked_at_is_looked_at_again():
    client = FakeClient()
    model = ServedModel(client, None, 100)
    working = client.preparation

    def fails():
        raise OSError("away")

    client.preparation = fails
    with pytest.raises(OSError, match="away"):
        model.refresh()
    client.preparation = working
    assert model.refresh().description.version == 1
