"""What a model with an objective of its own takes from Keras, and refuses; on a tiny `Glow`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.random_glow import random_glow
from tfglow.optimizers import FusedAdam, OfficialAdamax

CONFIG = tfglow.GlowConfig(
    image_shape=(4, 4, 1), levels=1, steps=1, width=4, num_classes=3, weight_y=0.5
)
rng = np.random.default_rng(0)
IMAGES = rng.integers(256, size=[6, 4, 4, 1], dtype=np.uint8)
LABELS = np.array([0, 1, 2, 2, 1, 0])
NOISE = rng.uniform(size=IMAGES.shape).astype(np.float32)
BATCH = {"image": IMAGES, "label": LABELS, "noise": NOISE}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(name="glow", scope="module")
def _glow():
    """Shared, and not to be trained: `fit` of a learning rate 0."""
    return compiled(random_glow(CONFIG))


@pytest.fixture(name="unconditional", scope="module")
def _unconditional():
    return compiled(random_glow(tfglow.GlowConfig(image_shape=(4, 4, 1), levels=1, steps=1)))


def compiled(glow, optimizer=None, **kwargs):
    glow.compile(optimizer or keras.optimizers.SGD(0.0), **{"jit_compile": False, **kwargs})
    return glow


def batches(*parts):
    return tf.data.Dataset.from_tensor_slices(parts[0] if len(parts) == 1 else parts).batch(3)


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        rows = slice(3 * index, 3 * index + 3)
        return IMAGES[rows], LABELS[rows]


# Batches.


def test_predict_takes_labels_from_wherever_keras_does(glow):
    expected = glow.encode(IMAGES, LABELS)
    for given in (
        [IMAGES, LABELS],
        {"image": IMAGES, "label": LABELS},
        batches(IMAGES, LABELS),
        batches(BATCH),
        Pairs(),
    ):
        np.testing.assert_allclose(glow.predict(given, verbose=0), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(glow.predict_on_batch(BATCH), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="needs `labels`"):
        glow.predict(IMAGES, verbose=0)


def test_predict_of_an_unconditional_model_leaves_targets_aside(unconditional):
    expected = unconditional.encode(IMAGES)
    for given in (IMAGES, batches(IMAGES, LABELS), batches(BATCH)):
        actual = unconditional.predict(given, verbose=0)
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="unconditional"):
        unconditional.predict([IMAGES, LABELS], verbose=0)


def test_the_noise_of_a_batch_is_used(glow):
    terms = glow.objective(IMAGES, LABELS, NOISE)
    expected = {name: np.mean(value) for name, value in terms.items()}
    for given in (BATCH, batches(BATCH)):
        actual = glow.evaluate(given, verbose=0, return_dict=True)
        assert actual == pytest.approx(expected, rel=1e-5)
    assert glow.test_on_batch(BATCH, return_dict=True) == pytest.approx(expected, rel=1e-5)
    history = glow.fit(batches(BATCH), validation_data=batches(BATCH), verbose=0, shuffle=False)
    everything = expected | {f"val_{name}": value for name, value in expected.items()}
    assert set(everything) >= {"accuracy", "class_bits", "val_accuracy", "val_class_bits"}
    actual = {name: values[0] for name, values in history.history.items()}
    assert actual == pytest.approx(everything, rel=1e-5)


def test_fit_takes_what_keras_models_take(glow, unconditional):
    for x, y in (([IMAGES, LABELS], None), ({"image": IMAGES}, LABELS)):
        assert np.isfinite(glow.train_on_batch(x, y)[0])
    history = unconditional.fit(batches(BATCH), verbose=0, shuffle=False).history
    assert np.isfinite(history["loss"][0])


def test_batches_that_are_none(glow, unconditional):
    for wrong, message in (
        ({"images": IMAGES}, r"has the key `image`.*got \['images'\]"),
        ({**BATCH, "mask": NOISE}, r"got \['image', 'label', 'mask', 'noise'\]"),
        ([IMAGES, LABELS, NOISE], "images, or images and labels; got 3 tensors"),
    ):
        for method in (glow.fit, glow.evaluate, glow.predict):
            with pytest.raises(ValueError, match=message):
                method(wrong, verbose=0)
    with pytest.raises(ValueError, match="Labels are given twice"):
        glow.fit(BATCH, LABELS, verbose=0)
    for arguments in ({"sample_weight": np.ones(6)}, {"class_weight": {0: 1.0, 1: 1.0, 2: 2.0}}):
        name = next(iter(arguments))
        with pytest.raises(ValueError, match=f"no sample weights and no class weights, got {name}"):
            unconditional.fit(IMAGES, verbose=0, **arguments)
    with pytest.raises(ValueError, match="no sample weights"):
        unconditional.evaluate(IMAGES, sample_weight=np.ones(6), verbose=0)
    with pytest.raises(ValueError, match="no sample weights"):
        glow.train_on_batch(IMAGES, LABELS, sample_weight=np.ones(6))


# Compiling.


@pytest.mark.parametrize("name", ["loss", "loss_weights", "metrics", "weighted_metrics"])
def test_a_loss_or_metrics_are_refused_at_once(name):
    glow = random_glow(CONFIG)
    with pytest.raises(ValueError, match=f"loss, bits_per_dim, class_bits.*without `{name}`, got"):
        glow.compile("adam", **{name: ["mse"]})
    assert not glow.compiled


def test_what_else_is_refused(glow):
    with pytest.raises(ValueError, match="in a subclass's `objective`, not by `add_loss`"):
        glow.add_loss(tf.constant(1.0))
    with pytest.raises(ValueError, match="cannot be quantised, as its maps must invert; got 'int8"):
        glow.quantize("int8")


@pytest.mark.parametrize(
    "options",
    [
        {"run_eagerly": True},
        {"steps_per_execution": 2, "jit_compile": True},
    ],
)
def test_ways_to_run(options):
    glow = compiled(random_glow(CONFIG), "sgd", **options)
    before = glow.get_weights()
    history = glow.fit(batches(BATCH), epochs=2, verbose=0, shuffle=False).history
    assert history["loss"][1] < history["loss"][0]
    assert any(np.any(a != b) for a, b in zip(before, glow.get_weights(), strict=True))
    assert glow.predict(batches(BATCH), verbose=0).shape == (6, 16)


# Steps.


def step_of(optimizer):
    """What one step of `fit` adds to the weights."""
    glow = compiled(random_glow(CONFIG), optimizer)
    before = np.concatenate([np.ravel(w) for w in glow.get_weights()])
    glow.fit(BATCH, verbose=0, batch_size=6)
    return np.concatenate([np.ravel(w) for w in glow.get_weights()]) - before


def test_a_step_is_traced_once(monkeypatch):
    """Also the first, for which the optimizer makes its variables."""
    glow = compiled(random_glow(CONFIG), keras.optimizers.Adam(0.0))
    traced = []
    objective = type(glow).objective
    monkeypatch.setattr(
        type(glow), "objective", lambda *batch: traced.append(1) or objective(*batch)
    )
    glow.fit(IMAGES, LABELS, batch_size=4, epochs=2, verbose=0)  # The last batch is a smaller one.
    assert len(traced) == 1 and glow.optimizer.iterations == 4


def test_loss_scaling_does_not_change_the_step():
    expected = step_of(FusedAdam(1e-2))
    assert np.abs(expected).max() > 1e-3
    for scaled in (
        FusedAdam(1e-2, loss_scale_factor=1024.0),
        keras.optimizers.LossScaleOptimizer(FusedAdam(1e-2), initial_scale=256.0),
    ):
        np.testing.assert_allclose(step_of(scaled), expected, rtol=1e-3, atol=1e-5)


def test_regularizers_are_in_the_loss():
    glow = random_glow(CONFIG)
    kernel = next(v for v in glow.trainable_variables if "conv_1" in v.name)
    kernel.regularizer = keras.regularizers.L2(10.0)
    result = compiled(glow, keras.optimizers.SGD(1e-2)).evaluate(BATCH, verbose=0, return_dict=True)
    penalty = 10.0 * np.sum(kernel.numpy() ** 2)
    expected = penalty + result["bits_per_dim"] + 0.5 * result["class_bits"]
    np.testing.assert_allclose(result["loss"], expected, rtol=1e-5)
    before = np.sum(kernel.numpy() ** 2)
    glow.fit(BATCH, verbose=0)
    assert np.sum(kernel.numpy() ** 2) < 0.8 * before


@pytest.mark.parametrize("optimizer", [FusedAdam, OfficialAdamax])
def test_callbacks_set_the_learning_rate(optimizer):
    glow = compiled(random_glow(CONFIG), optimizer(1e-3))
    callbacks = [
        keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, min_delta=10.0, factor=0.5),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch else 4e-3),
    ]
    history = glow.fit(BATCH, epochs=3, verbose=0, callbacks=callbacks).history
    np.testing.assert_allclose(history["learning_rate"], [4e-3, 2e-3, 1e-3], rtol=1e-6)


def test_a_frozen_model_does_not_change(glow):
    frozen = random_glow(CONFIG)
    frozen.trainable = False
    before = frozen.get_weights()
    with pytest.warns(UserWarning, match="no trainable variables: training changes nothing"):
        compiled(frozen, "adam").fit(BATCH, verbose=0)
    for a, b in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Elsewhere.


def test_export(glow, unconditional, tmp_path):
    """Also of a model that was never called."""
    for model, arguments in (
        (random_glow(CONFIG), (IMAGES, LABELS.astype(np.int32))),
        (unconditional, (IMAGES,)),
    ):
        path = tmp_path / model.name
        model.export(path, verbose=False)
        loaded = tf.saved_model.load(path)
        np.testing.assert_allclose(
            loaded.serve(*arguments), model.encode(*arguments), rtol=1e-4, atol=1e-5
        )


def test_a_conditional_model_in_a_functional_one(glow, tmp_path):
    images, labels = keras.Input([4, 4, 1], dtype="uint8"), keras.Input([], dtype="int32")
    model = keras.Model([images, labels], keras.layers.Rescaling(2.0)(glow(images, labels)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, again):
        actual = one.predict([IMAGES, LABELS], verbose=0)
        np.testing.assert_allclose(actual, 2.0 * glow.encode(IMAGES, LABELS), rtol=1e-4, atol=1e-4)
