import gc
import math
import weakref

import numpy as np
import pytest

import tfglow
from train.data import first_images
from train.evaluator import Evaluator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def make_glow(conditional, digits):
    """The same conditional model, made under a strategy."""

    def make(strategy):
        with strategy.scope():
            glow = tfglow.Glow(conditional.model)
        batch = next(iter(digits.batches(32)))
        glow.initialize(batch["image"], batch["label"])
        rng = np.random.default_rng(0)
        for variable in glow.trainable_variables:
            variable.assign(variable + rng.normal(scale=0.02, size=variable.shape))
        return glow

    return make


def test_is_the_models_own_likelihood(make_glow, test_digits, one_device):
    glow = make_glow(one_device)
    evaluation, classes = Evaluator(glow, one_device, batch_size=16).evaluate(
        test_digits, num_images=40, num_draws=2
    )
    batches = list(first_images(test_digits, 40, 16, with_labels=True))
    expected = tfglow.likelihood.evaluate(glow.log_prob, batches, 64, num_draws=2)
    assert evaluation.num_images == 40
    assert evaluation.bits_per_dim == pytest.approx(expected.bits_per_dim, abs=1e-5)
    assert evaluation.bits_per_dim_importance == pytest.approx(
        expected.bits_per_dim_importance, abs=1e-5
    )
    terms = [glow.objective(b["image"], b["label"]) for b in batches]
    accuracy = np.mean(np.concatenate([t["accuracy"] for t in terms]))
    assert classes["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert 0 < classes["class_bits"] < 2 * math.log2(10)


def test_does_not_depend_on_the_number_of_replicas(
    make_glow, test_digits, one_device, two_replicas
):
    """297 images in batches of 64: the last one is not full, and not the replicas' multiple."""
    results, models = [], weakref.WeakSet()
    for strategy in (one_device, two_replicas):
        glow = make_glow(strategy)
        models.add(glow)
        results.append(Evaluator(glow, strategy, batch_size=64).evaluate(test_digits))
    del glow
    gc.collect()
    assert not models  # What was evaluated is not kept.
    (alone, classes), (shared, shared_classes) = results
    assert alone.num_images == shared.num_images == test_digits.num_images
    assert alone.bits_per_dim == pytest.approx(shared.bits_per_dim, abs=1e-5)
    assert alone.standard_error == pytest.approx(shared.standard_error, rel=1e-3)
    assert classes["accuracy"] == pytest.approx(shared_classes["accuracy"], abs=1e-6)


def test_sees_the_weights_as_they_are_by_then(make_glow, test_digits, one_device):
    glow = make_glow(one_device)
    evaluator = Evaluator(glow, one_device, batch_size=16)
    before, _ = evaluator.evaluate(test_digits, num_images=16)
    again, _ = evaluator.evaluate(test_digits, num_images=16)
    assert again == before
    glow.trainable_variables[0].assign(glow.trainable_variables[0] + 0.5)
    after, _ = evaluator.evaluate(test_digits, num_images=16)
    assert after.bits_per_dim != before.bits_per_dim
