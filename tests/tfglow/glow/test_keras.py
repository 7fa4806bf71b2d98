"""`Glow` as a `keras.Model`: fitting, replicas, saving."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.random_glow import random_glow
from tests.tfglow.glow.models import drawn_anew

CONFIG = tfglow.GlowConfig(image_shape=(8, 8, 1), levels=1, steps=1, width=8, seed=1)
CONDITIONAL = dataclasses.replace(CONFIG, num_classes=5, weight_y=0.25)

# Keras 3.15 saves with np.array(variable), of which NumPy 2 warns.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.slow,
]


def make_glow(config=CONFIG, **fields):
    return random_glow(dataclasses.replace(config, **fields), scale=0.02)


@pytest.fixture(name="images")
def _images():
    """Smooth, so that there is something to learn."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 120, 8)
    images = ramp[:, None] + ramp + rng.uniform(0, 16, size=[12, 8, 8])
    return images[..., None].astype(np.uint8)


@pytest.fixture(name="labels")
def _labels():
    return np.arange(12) % 5


@pytest.fixture(name="no_noise")
def _no_noise(monkeypatch):
    """Dequantises at bin centres: replicas draw noise of their own."""
    dequantize = tfglow.Glow._dequantize

    def without_noise(self, images, noise):
        return dequantize(self, images, 0.5 if noise is None else noise)

    monkeypatch.setattr(tfglow.Glow, "_dequantize", without_noise)


@pytest.fixture(name="two_replicas", scope="module")
def _two_replicas():
    return tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def compiled(glow, optimizer=None, **kwargs):
    glow.compile(optimizer or keras.optimizers.SGD(0.1), **{"jit_compile": False, **kwargs})
    return glow


def assert_same_weights(first, second, **tolerance):
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


# Variables.


@pytest.mark.parametrize("config", [CONFIG, CONDITIONAL])
def test_keras_sees_the_flows_own_variables(config):
    glow = make_glow(config)
    shown = {id(v.value) for v in glow.trainable_variables}
    owners = [glow.flow, glow.classifier] if glow.classifier else [glow.flow]
    expected = {id(v) for owner in owners for v in owner.trainable_variables}
    assert shown == expected and len(shown) == len(glow.trainable_variables)
    assert len({v.path for v in glow.weights}) == len(glow.weights)
    assert glow.count_params() == sum(np.prod(v.shape) for v in glow.weights)
    glow.trainable_variables[0].assign(glow.trainable_variables[0] + 1.0)
    changed = [
        v for v in glow.flow.trainable_variables if id(v) == id(glow.trainable_variables[0].value)
    ]
    np.testing.assert_array_equal(changed[0], glow.trainable_variables[0])


def test_frozen_model_has_no_trainable_variables():
    glow = make_glow()
    glow.trainable = False
    assert glow.trainable_variables == []
    assert len(glow.non_trainable_variables) == len(glow.weights) == len(glow.flow.variables)


def test_summary(capsys):
    glow = make_glow()
    glow.summary()
    assert f"{glow.count_params():,}" in capsys.readouterr().out


# Fitting.


def test_fit_learns_and_evaluate_agrees(images):
    glow = tfglow.Glow(CONFIG)
    glow.initialize(images)
    glow.compile(keras.optimizers.Adam(0.01))  # As users do: with XLA, where Keras finds it fit.
    history = glow.fit(images, batch_size=4, epochs=8, verbose=0, validation_data=(images,)).history
    assert set(history) == {"loss", "bits_per_dim", "val_loss", "val_bits_per_dim"}
    assert history["loss"][-1] < history["loss"][0] - 0.2
    assert history["loss"] == history["bits_per_dim"]
    result = glow.evaluate(images, verbose=0, return_dict=True)
    expected = np.mean([np.mean(glow.bits_per_dim(images)) for _ in range(5)])
    np.testing.assert_allclose(result["bits_per_dim"], expected, atol=0.1)


def test_fit_with_labels(images, labels, no_noise):
    glow = compiled(make_glow(CONDITIONAL), keras.optimizers.Adam(0.01))
    history = glow.fit(images, labels, batch_size=4, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    terms = glow.objective(images, labels)
    result = glow.evaluate(images, labels, verbose=0, return_dict=True)
    np.testing.assert_allclose(result["loss"], np.mean(terms["loss"]), rtol=1e-5)
    np.testing.assert_allclose(result["bits_per_dim"], np.mean(terms["bits_per_dim"]), rtol=1e-5)
    assert result["loss"] > result["bits_per_dim"]


def test_fit_on_a_data_set(images, labels):
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)
    glow = compiled(make_glow(CONDITIONAL))
    assert np.isfinite(glow.fit(data, shuffle=False, verbose=0).history["loss"][0])
    images_alone = tf.data.Dataset.from_tensor_slices(images).batch(4)
    glow = compiled(make_glow())
    assert np.isfinite(glow.fit(images_alone, shuffle=False, verbose=0).history["loss"][0])


def test_one_step_is_the_gradient_of_the_objective(images, no_noise):
    glow = compiled(make_glow(precision="float64"), keras.optimizers.SGD(1.0))
    before = [v.numpy() for v in glow.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(glow.bits_per_dim(images))
    gradients = tape.gradient(loss, [v.value for v in glow.trainable_variables])
    result = glow.train_on_batch(images, return_dict=True)
    np.testing.assert_allclose(result["loss"], loss, rtol=1e-6)
    for old, gradient, new in zip(before, gradients, glow.trainable_variables, strict=True):
        np.testing.assert_allclose(new, old - gradient, rtol=1e-6, atol=1e-9)


def test_predict_encodes(images):
    glow = compiled(make_glow())
    np.testing.assert_allclose(
        glow.predict(images, verbose=0), glow.encode(images), rtol=1e-4, atol=1e-5
    )


def test_in_a_functional_model(images):
    glow = make_glow()
    inputs = keras.Input([8, 8, 1], dtype="uint8")
    model = keras.Model(inputs, keras.layers.Rescaling(2.0)(glow(inputs)))
    np.testing.assert_allclose(model(images), 2.0 * glow.encode(images), rtol=1e-4, atol=1e-5)
    assert len(model.trainable_variables) == len(glow.trainable_variables)


def test_what_fit_refuses(images, labels):
    with pytest.raises(ValueError, match="compile without `loss`"):
        compiled(make_glow(), loss="mse").fit(images, verbose=0)
    with pytest.raises(ValueError, match="takes no sample weights"):
        glow = compiled(make_glow(CONDITIONAL))
        glow.fit(images, labels, sample_weight=np.ones(12), verbose=0)
    with pytest.raises(ValueError, match="unconditional"):
        compiled(make_glow()).fit(images, labels, verbose=0)
    with pytest.raises(ValueError, match="needs `labels`"):
        compiled(make_glow(CONDITIONAL)).fit(images, verbose=0)
    with pytest.raises(ValueError, match="Images must be uint8"):
        compiled(make_glow()).fit(images / 255.0, verbose=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Labels must be in \[0, 5\)"):
        compiled(make_glow(CONDITIONAL)).fit(images, labels + 1, verbose=0)


# Replicas.


def test_fit_on_two_replicas_is_fit_on_one(images, labels, no_noise, two_replicas):
    fields = {"steps": 2, "precision": "float64"}  # What is left are differences of rounding.
    one = compiled(make_glow(CONDITIONAL, **fields), keras.optimizers.SGD(0.5, momentum=0.9))
    with two_replicas.scope():
        two = compiled(make_glow(CONDITIONAL, **fields), keras.optimizers.SGD(0.5, momentum=0.9))
    assert_same_weights(one, two)
    arguments = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    one_history = one.fit(images, labels, **arguments).history
    two_history = two.fit(images, labels, **arguments).history
    for name, values in one_history.items():
        np.testing.assert_allclose(two_history[name], values, rtol=1e-6)
    assert_same_weights(one, two, rtol=1e-7, atol=1e-9)
    one_result = one.evaluate(images, labels, batch_size=4, verbose=0)
    two_result = two.evaluate(images, labels, batch_size=4, verbose=0)
    np.testing.assert_allclose(two_result, one_result, rtol=1e-6)


def test_a_last_batch_smaller_than_the_replicas(images, no_noise, two_replicas):
    # One image in the last batch leaves nothing for the second replica.
    with two_replicas.scope():
        glow = compiled(make_glow())
    loss = glow.fit(images[:5], batch_size=4, verbose=0).history["loss"][0]
    assert np.isfinite(loss)
    assert all(np.all(np.isfinite(w)) for w in glow.get_weights())


def test_mixed_precision_on_two_replicas(images, two_replicas):
    with two_replicas.scope():
        glow = compiled(make_glow(precision="mixed_bfloat16"))
    glow.fit(images, batch_size=4, verbose=0)
    np.testing.assert_array_equal(glow.decode(glow.encode(images)), images)


def test_replicas_draw_different_noise(images, two_replicas):
    with two_replicas.scope():
        glow = make_glow()
    results = two_replicas.experimental_local_results(
        two_replicas.run(tf.function(lambda: glow.log_prob(images)))
    )
    assert drawn_anew(*results)


# Saving.


@pytest.mark.parametrize("config", [CONFIG, CONDITIONAL])
def test_weights_are_saved_and_loaded(config, images, labels, tmp_path):
    glow = make_glow(config, permutation="shuffle")
    fresh = tfglow.Glow(dataclasses.replace(glow.config, seed=5))
    arguments = (images, labels) if config.num_classes else (images,)
    path = tmp_path / "glow.weights.h5"
    glow.save_weights(path)
    assert np.any(fresh.encode(*arguments) != glow.encode(*arguments))
    fresh.load_weights(path)
    assert_same_weights(fresh, glow)
    np.testing.assert_array_equal(fresh.encode(*arguments), glow.encode(*arguments))


def test_whole_model_is_saved_and_loaded(images, labels, tmp_path):
    glow = compiled(make_glow(CONDITIONAL, parameterization="full"), keras.optimizers.Adam(0.01))
    glow.fit(images, labels, batch_size=4, verbose=0)
    path = tmp_path / "glow.keras"
    glow.save(path)
    again = keras.models.load_model(path)
    assert type(again) is tfglow.Glow and again.config == glow.config and again.name == glow.name
    assert_same_weights(again, glow)
    noise = np.full(images.shape, 0.25)
    np.testing.assert_array_equal(
        again.log_prob(images, labels, noise), glow.log_prob(images, labels, noise)
    )
    np.testing.assert_array_equal(
        again.sample(12, labels=labels, seed=1), glow.sample(12, labels=labels, seed=1)
    )
    # The optimizer comes back as well, with its state.
    assert int(again.optimizer.iterations) == 3
    for ours, theirs in zip(glow.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("found", "age"), [(None, "an older"), (1, "an older"), (3, "a newer")])
def test_a_model_that_another_tfglow_saved_is_refused_in_a_sentence(found, age):
    config = make_glow().get_config()
    assert config.pop("format") == 2
    if found is not None:
        config["format"] = found
    with pytest.raises(ValueError, match=rf"saved Glow was written by {age} tfglow \(format"):
        tfglow.Glow.from_config(config)


@pytest.mark.parametrize("precision", ["float64", "mixed_bfloat16"])
def test_precisions_are_saved_and_loaded(precision, images, tmp_path):
    glow = make_glow(precision=precision)
    glow.save(tmp_path / "glow.keras")
    again = keras.models.load_model(tmp_path / "glow.keras")
    assert again.config == glow.config
    assert_same_weights(again, glow)
    np.testing.assert_array_equal(again.encode(images), glow.encode(images))
    noise = np.full(images.shape, 0.25)
    np.testing.assert_array_equal(
        again.log_prob(images, noise=noise), glow.log_prob(images, noise=noise)
    )


def test_training_goes_on_after_a_reload_as_without(images, no_noise, tmp_path):
    glow = compiled(make_glow(precision="float64"), keras.optimizers.Adam(0.01))
    arguments = {"batch_size": 4, "shuffle": False, "verbose": 0}
    glow.fit(images, **arguments)
    glow.save(tmp_path / "glow.keras")
    again = keras.models.load_model(tmp_path / "glow.keras")
    glow.fit(images, **arguments)
    again.fit(images, **arguments)
    assert_same_weights(again, glow, rtol=1e-9, atol=1e-12)


def test_saved_on_two_replicas_and_loaded_on_one(images, two_replicas, tmp_path):
    with two_replicas.scope():
        glow = compiled(tfglow.Glow(CONFIG))
        glow.initialize(images)
    noise = np.full(images.shape, 0.5, np.float32)
    glow.fit({"image": images, "noise": noise}, batch_size=4, verbose=0)
    glow.save(tmp_path / "glow.keras")
    again = keras.models.load_model(tmp_path / "glow.keras")
    assert_same_weights(again, glow)
    np.testing.assert_allclose(again.encode(images), glow.encode(images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "other, message",
    [
        (
            {"width": 4},
            r"conv_1.kernel has the shape \(1, 3, 3, 3, 8\), the model needs \(1, 3, 3, 3, 4\)",
        ),
        ({"steps": 2}, r"level0.steps.actnorm.b has the shape \(1, 4\), the model needs \(2, 4\)"),
        ({"levels": 2}, r"missing .*level1.*unknown \[\]"),
        ({"num_classes": 2}, r"missing .*label_embedding.*unknown \[\]"),
        ({"parameterization": "full"}, "missing .*unknown .*lower"),
    ],
)
def test_weights_of_another_configuration_are_refused_and_nothing_is_loaded(
    tmp_path, other, message
):
    glow = make_glow()
    glow.save_weights(tmp_path / "glow.weights.h5")
    fresh = make_glow(**other)
    before = fresh.get_weights()
    with pytest.raises(ValueError, match=message):
        fresh.load_weights(tmp_path / "glow.weights.h5")
    for old, new in zip(before, fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def test_configuration_round_trip():
    glow = tfglow.Glow(CONDITIONAL, name="somebodys")
    again = tfglow.Glow.from_config(glow.get_config())
    assert again.name == "somebodys" and again.config == CONDITIONAL
    serialised = keras.saving.serialize_keras_object(glow)
    assert keras.saving.deserialize_keras_object(serialised).config == CONDITIONAL


def test_names_of_saved_weights_do_not_depend_on_where_it_was_built(tmp_path):
    make_glow().save_weights(tmp_path / "glow.weights.h5")
    with tf.name_scope("somewhere"), keras.name_scope("else"):
        inside = tfglow.Glow(CONFIG)
    inside.load_weights(tmp_path / "glow.weights.h5")


def test_checkpoint_of_tensorflow(images, tmp_path):
    glow = make_glow(CONDITIONAL)
    path = tf.train.Checkpoint(model=glow).save(tmp_path / "glow")
    fresh = tfglow.Glow(dataclasses.replace(CONDITIONAL, seed=9))
    tf.train.Checkpoint(model=fresh).restore(path).assert_existing_objects_matched()
    assert_same_weights(fresh, glow)
