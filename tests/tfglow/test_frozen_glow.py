"""The frozen view answers as the model does, and never for weights that it no longer has."""

import copy
import pickle

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.random_glow import random_glow
from tfglow.keras_backend import keras

BASE = {"image_shape": (8, 8, 3), "levels": 2, "steps": 1, "width": 8, "seed": 1}
CONFIGS = {
    "plain": {},
    "conditional": {"num_classes": 5, "weight_y": 0.1, "num_bits": 5, "precision": "float64"},
    "mixed": {"precision": "mixed_bfloat16", "coupling": "additive", "permutation": "shuffle"},
}
pytestmark = pytest.mark.slow

METHODS = ("log_prob", "bits_per_dim", "log_prob_terms", "encode")


@pytest.fixture(params=CONFIGS, name="glow", scope="module")
def _glow(request):
    return random_glow(tfglow.GlowConfig(**{**BASE, **CONFIGS[request.param]}))


@pytest.fixture(name="view", scope="module")
def _view(glow):
    return glow.frozen()


@pytest.fixture(name="plain", scope="module")
def _plain():
    return random_glow(tfglow.GlowConfig(**BASE))


def batch(glow, rows=3):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, [rows, *glow.config.image_shape], np.uint8)
    noise = rng.uniform(size=images.shape).astype(glow.config.dtype)
    labels = {"labels": np.arange(rows) % 5} if glow.config.num_classes else {}
    return images, noise, labels


def near(glow, values, expected):
    """To rounding, of the networks' arithmetic too."""
    rtol = {"float64": 1e-10, "float32": 1e-5, "mixed_bfloat16": 1e-2}[glow.config.precision]
    for value, wanted in zip(tf.nest.flatten(values), tf.nest.flatten(expected), strict=True):
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(value, wanted, rtol=rtol, atol=rtol * scale)
        assert value.dtype == wanted.dtype


def test_likelihoods_are_the_models(glow, view):
    images, noise, labels = batch(glow)
    for name in ("log_prob", "bits_per_dim", "log_prob_terms"):
        near(
            glow,
            getattr(view, name)(images, noise=noise, **labels),
            getattr(glow, name)(images, noise=noise, **labels),
        )


def test_the_density_has_the_models_gradient(plain):
    x = tf.constant(batch(plain)[1] - 0.5)
    values, gradients = [], []
    for model in (plain.frozen(), plain):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values.append(model.log_density(x))
        gradients.append(tape.gradient(values[-1], x))
    near(plain, *values)
    near(plain, *gradients)


def test_latents_and_images_are_the_models(glow, view):
    images, _, labels = batch(glow)
    latents = view.encode(images, **labels)
    # In float32, also where networks compute likelihoods in bfloat16.
    np.testing.assert_allclose(latents, glow.encode(images, **labels), rtol=1e-4, atol=1e-4)
    exact = glow.decode(latents, **labels)
    np.testing.assert_array_equal(view.decode(latents, **labels), exact)
    lowest = 8 - glow.config.num_bits
    np.testing.assert_array_equal(exact, images >> lowest << lowest)
    for temperature in (0.7, [0.0, 0.5, 1.0]):
        arguments = {"temperature": temperature, "seed": 3, **labels}
        sample, expected = view.sample(3, **arguments), glow.sample(3, **arguments)
        # A value at the edge of two bins may fall on either side.
        assert np.mean(sample.numpy() != expected.numpy()) < 0.01
    np.testing.assert_array_equal(view.sample_latents(2, seed=1), glow.sample_latents(2, seed=1))
    _, valid = view.decode_with_valid(np.inf * np.ones_like(latents), **labels)
    assert not np.any(valid)


def test_any_number_of_rows(glow, view):
    for rows in (0, 1):
        images, noise, labels = batch(glow, rows)
        assert view.log_prob(images, noise=noise, **labels).shape == [rows]
        assert view.decode(view.encode(images, **labels), **labels).shape == images.shape


def test_constants_in_the_graph_are_the_same_numbers(plain):
    images, noise, _ = batch(plain)
    view = plain.frozen(constants_in_graph=True)
    near(plain, view.log_prob(images, noise=noise), plain.log_prob(images, noise=noise))
    with pytest.raises(ValueError, match="`constants_in_graph` must be True or False, got 2"):
        plain.frozen(constants_in_graph=2)


def test_input_is_refused_as_the_model_refuses_it(plain):
    view = plain.frozen()
    images, _, _ = batch(plain)
    for method in METHODS:
        for wrong, labels in ((images / 255.0, None), (images[0], None), (images, [0, 1, 2])):
            messages = []
            for model in (view, plain):
                with pytest.raises(ValueError) as error:
                    getattr(model, method)(wrong, labels)
                messages.append(str(error.value))
            assert messages[0] == messages[1]
    with pytest.raises(ValueError, match=r"Latents must have the shape \[B, 192\]"):
        view.decode(np.zeros([2, 7]))
    with pytest.raises(ValueError, match="`temperature` must be finite"):
        view.sample(2, temperature=-1.0)


def test_images_without_a_likelihood_are_warned_of(plain):
    latents = np.full([1, 192], np.nan, np.float32)
    with pytest.warns(RuntimeWarning, match="Latents without a finite image.*1 of 1"):
        plain.frozen().decode(latents)


def _fit(glow, images, folder):
    glow.compile(keras.optimizers.SGD(1e-3))
    glow.fit(images, verbose=0)


def _load(glow, images, folder):
    other = random_glow(glow.config, seed=5)
    other.save_weights(folder / "other.weights.h5")
    glow.load_weights(folder / "other.weights.h5")


def _restore(glow, images, folder):
    other = random_glow(glow.config, seed=6)
    path = tf.train.Checkpoint(model=other).write(str(folder / "other"))
    tf.train.Checkpoint(model=glow).restore(path)


CHANGES = {
    "fit": _fit,
    "initialize": lambda glow, images, folder: glow.initialize(images, again=True),
    "load_weights": _load,
    "restore": _restore,
    "set_weights": lambda glow, images, folder: glow.set_weights(
        [2.0 * value for value in glow.get_weights()]
    ),
    "one_weight": lambda glow, images, folder: glow.flow.splits[0].conv.b.assign_add(
        tf.one_hot(1, glow.flow.splits[0].conv.b.shape[0], 1e-6)
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_weights_are_refused(change, tmp_path):
    glow = random_glow(tfglow.GlowConfig(**BASE))
    images, _, _ = batch(glow)
    view = glow.frozen()
    change(glow, images, tmp_path)
    for name in METHODS:
        with pytest.raises(ValueError, match=r"Weights of glow.* have changed since `frozen\(\)` "):
            getattr(view, name)(images)
    with pytest.raises(ValueError, match=r"call `frozen\(\)` again"):
        view.sample(1)


def test_a_graph_that_was_traced_before_refuses_too():
    glow = random_glow(tfglow.GlowConfig(**BASE))
    images, noise, _ = batch(glow)
    view = glow.frozen()
    in_graph = tf.function(lambda: view.log_prob(images, noise=noise), autograph=False)
    data = tf.data.Dataset.from_tensors(images).map(view.encode)
    before = in_graph()
    near(glow, before, glow.log_prob(images, noise=noise))
    next(iter(data))
    bias = glow.flow.splits[0].conv.b
    kept = bias.numpy()
    bias.assign_add(tf.ones_like(bias))
    message = r"have changed since `frozen\(\)` \(level0/split/conv/b\)"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        in_graph()
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        next(iter(data))
    # Values that come back are answered for again, and a new view answers for the new ones.
    bias.assign(kept)
    np.testing.assert_array_equal(in_graph(), before)
    bias.assign_add(tf.ones_like(bias))
    near(glow, glow.frozen().log_prob(images, noise=noise), glow.log_prob(images, noise=noise))


def test_xla_does_not_leave_the_check_out(plain):
    images, noise, _ = batch(plain)
    view = plain.frozen()
    compiled = tf.function(lambda: view.log_prob(images, noise=noise), jit_compile=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="PyFunc"):
        compiled()


def test_on_replicas():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        glow = random_glow(tfglow.GlowConfig(**BASE))
        view = glow.frozen()
    images, noise, _ = batch(glow)
    expected = glow.log_prob(images, noise=noise)
    near(glow, view.log_prob(images, noise=noise), expected)
    run = tf.function(lambda: strategy.run(lambda: view.log_prob(images, noise=noise)))
    for value in run().values:
        near(glow, value, expected)
    bias = glow.flow.splits[0].conv.b
    bias.assign_add(tf.ones_like(bias))
    with pytest.raises(ValueError, match="level0/split/conv/b"):
        view.log_prob(images, noise=noise)
    with pytest.raises(tf.errors.InvalidArgumentError, match="level0/split/conv/b"):
        run()


def test_it_is_not_copied():
    view = random_glow(tfglow.GlowConfig(**BASE)).frozen()
    for copying in (copy.deepcopy, copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match="save the model, and call `frozen"):
            copying(view)
    assert repr(view).startswith("<FrozenGlow of glow")


def test_a_weight_that_is_not_finite_is_named():
    glow = random_glow(tfglow.GlowConfig(**BASE))
    glow.flow.splits[0].conv.b.assign(tf.fill(glow.flow.splits[0].conv.b.shape, np.nan))
    with pytest.raises(ValueError, match="level0/split/conv/b' is not finite"):
        glow.frozen()
