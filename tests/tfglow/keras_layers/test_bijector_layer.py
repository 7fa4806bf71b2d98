"""A Keras layer around any bijector: trained, saved, frozen, replicated."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.tfglow.keras_layers.held import BIJECTORS, keras_network
from tfglow.bijectors import ActNorm, Invertible1x1Conv, TopPrior
from tfglow.keras_layers import BijectorLayer

tfb, tfd = tfp.bijectors, tfp.distributions

# Keras 3.15 saves with np.array(variable), of which NumPy 2 warns.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

EACH = pytest.mark.parametrize("name", BIJECTORS)


@keras.saving.register_keras_serializable("tests")
def make_flow(channels, seed=0):
    return tfb.Chain([Invertible1x1Conv(channels, seed=seed), ActNorm(channels)])


@keras.saving.register_keras_serializable("tests")
class OwnFlow(BijectorLayer):
    """A subclass that makes its bijector itself."""

    def __init__(self, channels, **kwargs):
        super().__init__(make_flow(channels), **kwargs)
        self.channels = channels

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}


class Holds(keras.layers.Layer):
    """A user's own layer."""

    def __init__(self, held):
        super().__init__()
        self.held = held

    def call(self, x):
        return self.held(x)


def data(event_shape, rows=6):
    values = np.random.default_rng(0).normal(scale=0.3, size=[rows, *event_shape])
    return values.astype(np.float32)


@EACH
def test_is_the_bijector_with_its_variables(name):
    make, event_shape, trained = BIJECTORS[name]
    layer = BijectorLayer(make)
    x = data(event_shape)
    with tf.GradientTape() as tape:
        y = layer(x)
        loss = tf.reduce_sum(y**2)
    np.testing.assert_allclose(y, layer.bijector.forward(x), rtol=1e-5, atol=1e-6)
    assert len(layer.trainable_variables) == trained
    assert len({variable.path for variable in layer.variables}) == len(layer.variables)
    gradients = tape.gradient(loss, [variable.value for variable in layer.trainable_variables])
    assert all(gradient is not None for gradient in gradients)
    back, inverse_log_det = layer.inverse_and_log_det(y)
    np.testing.assert_allclose(back, x, rtol=1e-4, atol=1e-5)
    again, log_det = layer.forward_and_log_det(x)
    np.testing.assert_allclose(again, y, rtol=1e-5, atol=1e-6)
    assert log_det.shape == (len(x),)
    np.testing.assert_allclose(log_det, -inverse_log_det, rtol=1e-4, atol=1e-4)
    expected = layer.bijector.forward_log_det_jacobian(x + 0.0, len(event_shape))
    np.testing.assert_allclose(log_det, np.broadcast_to(expected, [6]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.inverse(y), x, rtol=1e-4, atol=1e-5)


@EACH
def test_weights_are_saved_and_loaded(name, tmp_path):
    make, event_shape, _ = BIJECTORS[name]
    x = data(event_shape)

    def model():
        return keras.Sequential([keras.Input(event_shape), BijectorLayer(make)])

    saved, loaded, restored = model(), model(), model()
    for variable in saved.trainable_variables:
        variable.assign_add(0.01 * tf.ones_like(variable))
    expected = saved(x)
    saved.save_weights(tmp_path / "w.weights.h5")
    loaded.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(loaded(x), expected)
    path = tf.train.Checkpoint(model=saved).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(model=restored).read(path).assert_consumed()
    np.testing.assert_array_equal(restored(x), expected)


def test_weights_of_another_bijector_are_refused(tmp_path):
    path = tmp_path / "w.weights.h5"
    keras.Sequential([keras.Input((4,)), BijectorLayer(BIJECTORS["lu"][0])]).save_weights(path)
    other = keras.Sequential([keras.Input((4,)), BijectorLayer(BIJECTORS["scale"][0])])
    with pytest.raises(ValueError, match=r"they are .*: \(4, 4\)}, its bijector needs .*: \(4,\)}"):
        other.load_weights(path)
    np.testing.assert_array_equal(other.variables[0], [1.0, 2.0, 3.0, 4.0])


def test_weights_are_known_by_their_names_and_not_by_their_order():
    class LogsFirst(ActNorm):
        """As a later version that holds its variables in another order; both are `[4]`."""

        def __init__(self):
            super().__init__(4)
            b, logs = self.b, self.logs
            del self.b, self.logs
            self.logs, self.b = logs, b

    saved, own = {}, {}
    BijectorLayer(ActNorm(4)).save_own_variables(saved)
    other = BijectorLayer(LogsFirst())
    other.save_own_variables(own)
    assert (list(saved), list(own)) == (["0.b", "1.logs"], ["0.logs", "1.b"])
    with pytest.raises(ValueError, match=r"they are {'0.b'.*, its bijector needs {'0.logs'"):
        other.load_own_variables(saved)


@pytest.mark.parametrize("name", ["scale", "chain_of_ours", "coupling_keras"])
def test_fit_trains_what_the_layer_holds(name):
    make, event_shape, _ = BIJECTORS[name]
    layer = BijectorLayer(make())
    model = keras.Sequential([keras.Input(event_shape), Holds(layer)])
    model.compile(keras.optimizers.SGD(0.1), loss="mse", jit_compile=False)
    before = [variable.numpy() for variable in model.trainable_variables]
    model.fit(data(event_shape), data(event_shape) + 1, verbose=0)
    after = [variable.numpy() for variable in layer.trainable_variables]
    for old, new in zip(before, after, strict=True):
        assert np.any(old != new)


def test_a_frozen_layer_is_not_trained():
    layer = BijectorLayer(make_flow, {"channels": 4}, trainable=False)
    model = keras.Sequential([keras.Input((2, 2, 4)), layer, keras.layers.Dense(4)])
    before = [variable.numpy() for variable in layer.variables]
    assert len(model.trainable_variables) == 2 and len(model.non_trainable_variables) == 7
    model.compile("sgd", loss="mse", jit_compile=False)
    model.fit(data((2, 2, 4)), data((2, 2, 4)), verbose=0)
    for old, variable in zip(before, layer.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    layer.trainable = True
    # The permutation and the signs of W = P L U stay what they are.
    assert len(layer.trainable_variables) == 5 and len(layer.non_trainable_variables) == 2
    outer = Holds(layer)
    outer.trainable = False
    assert layer.trainable_variables == []


@pytest.mark.parametrize("kind", ["function", "subclass"])
def test_a_keras_file_makes_it_again(kind, tmp_path):
    layer = OwnFlow(4) if kind == "subclass" else BijectorLayer(make_flow, {"channels": 4})
    model = keras.Sequential([keras.Input((2, 2, 4)), layer])
    for variable in model.trainable_variables:
        variable.assign_add(0.01 * tf.ones_like(variable))
    layer.trainable = False
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = data((2, 2, 4))
    np.testing.assert_array_equal(loaded(x), model(x))
    assert type(loaded.layers[0]) is type(layer)
    assert not loaded.layers[0].trainable and loaded.trainable_variables == []
    cloned = keras.models.clone_model(model)
    assert [v.shape for v in cloned.variables] == [v.shape for v in model.variables]


def test_what_no_file_can_hold_is_refused_by_save_alone(tmp_path):
    for bijector, sentence in ((ActNorm(4), "given as it is"), (lambda: ActNorm(4), "a lambda")):
        model = keras.Sequential([keras.Input((2, 2, 4)), BijectorLayer(bijector)])
        with pytest.raises(ValueError, match=f"{sentence}.*register_keras_serializable"):
            model.save(tmp_path / "model.keras")
        model.save_weights(tmp_path / "model.weights.h5")


def test_a_subclassed_model_that_makes_its_flow_needs_no_more(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Model(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.flows = [BijectorLayer(ActNorm(4)), BijectorLayer(ActNorm(4))]

        def call(self, x):
            return self.flows[1](self.flows[0](x))

    model = Model()
    x = data((2, 2, 4))
    model(x)
    assert len(model.trainable_variables) == 4
    model.trainable_variables[3].assign(tf.ones([4]))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_computes_in_the_bijectors_dtype_whatever_the_policy(dtype):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = BijectorLayer(ActNorm(4, dtype=tf.as_dtype(dtype)))
        model = keras.Sequential([keras.Input((2, 2, 4)), keras.layers.Dense(4), layer])
        assert model.layers[0].compute_dtype == "bfloat16"
        assert model(data((2, 2, 4))).dtype == dtype
        assert {variable.dtype for variable in layer.variables} == {dtype}
        assert layer.inverse(np.zeros([1, 2, 2, 4], np.float32)).dtype == dtype
        assert BijectorLayer(tfb.Exp()).compute_dtype == "float32"
        with pytest.raises(ValueError, match=f"must be {dtype}.* got 'mixed_bfloat16'"):
            BijectorLayer(ActNorm(4, dtype=tf.as_dtype(dtype)), dtype="mixed_bfloat16")
    finally:
        keras.config.set_dtype_policy("float32")


def test_two_replicas_train_as_one_device_does():
    x, y = data((4,), rows=8), data((4,), rows=8) + 1

    def trained():
        parts = [BIJECTORS[name][0]() for name in ("chain", "real_nvp_object")]
        layer = BijectorLayer(tfb.Chain(parts))
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile(keras.optimizers.SGD(0.05), loss="mse", jit_compile=False)
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        return [variable.numpy() for variable in layer.trainable_variables]

    expected = trained()
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        values = trained()
    for value, wanted in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
@pytest.mark.parametrize("name", ["scale", "coupling_keras", "chain_of_ours", "made"])
def test_a_copy_trains_its_own_variables(name, duplicate):
    made = name == "made"
    layer = BijectorLayer(
        *((make_flow, {"channels": 4}) if made else (BIJECTORS[name][0](),)), name="mine"
    )
    for variable in layer.trainable_variables:
        variable.assign_add(0.1 * tf.ones_like(variable))
    layer.trainable = False
    twin = duplicate(layer)
    assert twin.name == "mine" and not twin.trainable
    x = data((2, 2, 4) if made else BIJECTORS[name][1])
    np.testing.assert_array_equal(twin(x), layer(x))
    assert {id(v.value) for v in twin.variables} == set(map(id, twin.bijector.variables))
    assert not {id(v.value) for v in layer.variables} & set(map(id, twin.bijector.variables))
    if made:
        assert twin.get_config() == layer.get_config()


def test_a_function_of_the_layer_that_holds_it():
    class Own(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.network = keras_network(2, outputs=4)
            self.flow = BijectorLayer(
                tfb.RealNVP(
                    num_masked=2,
                    shift_and_log_scale_fn=lambda x, units: tf.split(self.network(x), 2, axis=-1),
                )
            )

        def call(self, x):
            return self.flow(x)

    layer = Own()
    layer(data((4,)))
    assert len(layer.variables) == len(layer.trainable_variables) == 2
    assert len(layer.flow.trainable_variables) == 2


def test_exports_as_every_layer_does(tmp_path):
    model = keras.Sequential([keras.Input((2, 2, 4)), BijectorLayer(make_flow, {"channels": 4})])
    model.export(tmp_path / "export", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    x = data((2, 2, 4))
    np.testing.assert_allclose(loaded.serve(x), model(x), rtol=1e-5, atol=1e-6)


def test_answers_nothing_stale():
    layer = BijectorLayer(BIJECTORS["chain"][0])
    x = tf.constant(data((4,)))
    before = layer(x), layer.forward_and_log_det(x)[1]
    for variable in layer.trainable_variables:
        variable.assign(variable + 1.0)
    assert np.all(layer(x) != before[0])
    assert np.all(layer.forward_and_log_det(x)[1] != before[1])


def test_further_arguments_go_to_the_bijector():
    layer = BijectorLayer(TopPrior(4, num_classes=3))
    layer.variables[-1].assign(tf.ones_like(layer.variables[-1]))
    x, labels = data((2, 2, 4)), tf.range(6) % 3
    np.testing.assert_array_equal(layer(x, labels=labels), layer.bijector.forward(x, labels=labels))


def test_a_network_that_is_an_argument_is_a_sublayer():
    network = keras_network(None, None, 2, outputs=4)
    layer = BijectorLayer(BIJECTORS["coupling_keras"][0]())
    assert len(layer.trainable_variables) == 2
    assert [type(v) for v in layer.variables] == [type(v) for v in network.variables]


@pytest.mark.parametrize("value", [3, None, tfd.Normal(0.0, 1.0), lambda: 3])
def test_what_is_no_bijector_is_refused(value):
    with pytest.raises((ValueError, TypeError), match="bijector"):
        BijectorLayer(value)


def test_arguments_of_a_bijector_are_refused():
    with pytest.raises(ValueError, match=r"`arguments` .* got \{'a': 1\}"):
        BijectorLayer(ActNorm(4), {"a": 1})
