import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from train.scoring.pixel_histogram import PixelHistogram


def images(num, seed=0):
    """Log-likelihoods of pixels, and which are anomalous and so 2 nats less likely."""
    rng = np.random.default_rng(seed)
    masks = rng.random((num, 6, 5)) < 0.2
    return rng.normal(-8, 2, (num, 6, 5)) - 2 * masks, masks


def test_is_the_auroc_of_all_pixels():
    places, masks = images(40)
    histogram = PixelHistogram()
    for own, mask in zip(places, masks, strict=True):
        histogram.add(own, mask)
    found = histogram.auroc(num_samples=100, seed=0)
    assert found.value == pytest.approx(roc_auc_score(masks.ravel(), -places.ravel()), abs=1e-3)
    assert 0.01 < found.high - found.low < 0.1


def test_of_one_kind_of_pixel_there_is_none():
    places, masks = images(2)
    histogram = PixelHistogram()
    assert histogram.auroc(10, seed=0) is None
    histogram.add(places[0], np.zeros_like(masks[0]))
    assert histogram.auroc(10, seed=0) is None


def test_memory_does_not_grow_with_the_images(monkeypatch):
    monkeypatch.setattr("train.scoring.pixel_histogram._BLOCKS", 7)
    places, masks = images(40)
    histogram = PixelHistogram()
    for own, mask in zip(places, masks, strict=True):
        histogram.add(own, mask)
    assert len(histogram._counts) == 7
    found = histogram.auroc(20, seed=0)
    assert found.value == pytest.approx(roc_auc_score(masks.ravel(), -places.ravel()), abs=1e-3)


def test_pixels_without_a_number_are_the_oddest():
    histogram = PixelHistogram()
    histogram.add(np.array([[np.nan, -np.inf, -9e9, -1.0]]), np.array([[1, 1, 1, 0]], bool))
    assert histogram.auroc(5, seed=0).value == 1
