"""Data-dependent initialisation, and what a model starts from."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.tfglow.glow.models import CONDITIONAL, CONFIG, make_glow
from tfglow import likelihood

pytestmark = pytest.mark.slow


def test_initialize_normalises_every_actnorm():
    glow = tfglow.Glow(CONFIG)
    images = np.random.default_rng(0).integers(256, size=[32, 8, 8, 3], dtype=np.uint8)
    glow.initialize(images)
    noise = tf.random.stateless_uniform(images.shape, [CONFIG.seed, 0])
    x = likelihood.dequantize(images, 8, noise)
    for level, steps in enumerate(glow.flow.steps):
        x = glow.flow.levels[level].squeeze.forward(x)
        for step in steps:
            y = step.actnorm.forward(x)
            np.testing.assert_allclose(
                tf.reduce_mean(y, [0, 1, 2]), np.zeros(y.shape[-1]), atol=1e-4
            )
            np.testing.assert_allclose(
                tf.math.reduce_std(y, [0, 1, 2]), np.ones(y.shape[-1]), rtol=1e-3
            )
            x = step.forward(x)
        if level == 0:
            x, _, _ = glow.flow.splits[0].split(x)


@pytest.mark.parametrize("num_bits", [8, 1])
def test_initialize_on_images_with_a_constant_channel(images, num_bits):
    images[..., 2] = 255  # Such as an opaque alpha channel.
    glow = tfglow.Glow(dataclasses.replace(CONFIG, num_bits=num_bits))
    glow.initialize(images)
    assert np.all(glow.bits_per_dim(images) < num_bits + 1)


def test_initialize_is_deterministic(images):
    weights = []
    for _ in range(2):
        glow = tfglow.Glow(CONFIG)
        glow.initialize(images)
        weights.append(glow.get_weights())
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_initialize_of_a_conditional_model(images, labels):
    glow = tfglow.Glow(CONDITIONAL)
    with pytest.raises(ValueError, match="needs `labels`"):
        glow.initialize(images)
    glow.initialize(images, labels)
    assert np.all(np.isfinite(glow.log_prob(images, labels)))


def test_a_second_initialisation_is_refused(images):
    glow = tfglow.Glow(CONFIG)
    assert not glow.initialized
    glow.initialize(images)
    assert glow.initialized
    before = glow.get_weights()
    with pytest.raises(ValueError, match=r"initialised, trained or loaded before.*again=True"):
        glow.initialize(images[:2])
    for old, new in zip(before, glow.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
    glow.initialize(images[:2], again=True)
    assert any(np.any(a != b) for a, b in zip(before, glow.get_weights(), strict=True))


def test_fit_warns_where_initialize_was_forgotten(images):
    glow = tfglow.Glow(CONFIG)
    glow.compile("sgd", jit_compile=False)
    with pytest.warns(UserWarning, match="call `initialize` on one batch of images first"):
        glow.fit(images, verbose=0)
    assert glow.initialized  # By training.
    glow.fit(images, verbose=0)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_state_is_saved(tmp_path):
    def checkpointed(glow):
        path = tf.train.Checkpoint(model=glow).write(str(tmp_path / "ckpt"))
        other = tfglow.Glow(CONFIG)
        tf.train.Checkpoint(model=other).read(path).assert_existing_objects_matched()
        return other

    def in_keras_file(glow):
        glow.save(tmp_path / "glow.keras")
        return keras.models.load_model(tmp_path / "glow.keras")

    def by_weights(glow):
        other = tfglow.Glow(CONFIG)
        other.set_weights(glow.get_weights())
        return other

    fresh, trained = tfglow.Glow(CONFIG), make_glow()
    for copy in (checkpointed, in_keras_file, by_weights):
        assert copy(trained).initialized and not copy(fresh).initialized


def test_nothing_but_initialize_initialises(images, noise):
    glow = tfglow.Glow(CONFIG)
    before = [v.numpy() for v in glow.flow.variables]
    glow.sample(2)
    glow.log_prob(images, noise=noise)
    glow.decode(glow.encode(images))
    glow.distribution.log_prob(noise)
    tf.function(glow.log_prob, autograph=False)(images)
    for old, new in zip(before, glow.flow.variables, strict=True):
        np.testing.assert_array_equal(new, old)


def test_seed_of_the_configuration_fixes_the_weights():
    weights = [tfglow.Glow(dataclasses.replace(CONFIG, seed=s)).get_weights() for s in (1, 1, 2)]
    same = [np.array_equal(a, b) for a, b in zip(weights[0], weights[1], strict=True)]
    other = [np.array_equal(a, b) for a, b in zip(weights[0], weights[2], strict=True)]
    assert all(same) and not all(other)


def test_every_step_starts_differently():
    flow = tfglow.Glow(CONFIG).flow
    first, second = (step.permutation.weight().numpy() for step in flow.steps[0])
    assert np.max(np.abs(first - second)) > 0.1
    first, second = (step.coupling.network.conv_1.kernel.numpy() for step in flow.steps[0])
    assert np.max(np.abs(first - second)) > 0.01
