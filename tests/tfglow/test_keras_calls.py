"""What a Keras layer holds as it is: said, since Keras does not see its variables."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfglow
from tests.tfglow.bijectors.contract import keras_network
from tfglow.bijectors import ActNorm, AffineCoupling, FlowSteps, Invertible1x1Conv, Squeeze
from tfglow.networks import CouplingNetwork, ScaledConv2D, ScaledDense

tfb, tfd = tfp.bijectors, tfp.distributions
X = np.ones([2, 4, 4, 4], np.float32)
HELD = {
    "actnorm": lambda: ActNorm(4),
    "conv": lambda: Invertible1x1Conv(4, seed=0),
    "chain": lambda: tfb.Chain([Invertible1x1Conv(4, seed=0), ActNorm(4)]),
    "inverted": lambda: tfb.Invert(ActNorm(4)),
    "coupling": lambda: AffineCoupling(CouplingNetwork(2, 4, 8)),
    "coupling_keras": lambda: AffineCoupling(keras_network(2, 4, "float32")),
    "steps": lambda: FlowSteps(2, 4, width=4),
}
EACH = pytest.mark.parametrize("make", HELD.values(), ids=HELD)


class Holds(keras.layers.Layer):
    def __init__(self, held):
        super().__init__(name="mine")
        self.held = held

    def call(self, x):
        held = self.held[0] if isinstance(self.held, list) else self.held
        return held(x) if isinstance(held, keras.layers.Layer) else held.forward(x)


@EACH
def test_a_layer_that_holds_it_as_it_is_warns_once(make):
    """(Keras tracks by its own classes alone; there is no public way to join them.)"""
    layer = Holds(make())
    with pytest.warns(UserWarning, match=r"'mine' runs '\w+', .*neither trains.*BijectorLayer"):
        layer(X)
    assert layer.trainable_variables == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(X)


@EACH
def test_a_keras_layer_trains_the_flow_layer_it_holds(make):
    layer = Holds(tfglow.BijectorLayer(make()))
    layer(X)
    variables = layer.held.bijector.trainable_variables
    assert len(layer.trainable_variables) == len(variables)
    assert {id(v.value) for v in layer.trainable_variables} == set(map(id, variables))


def test_lists_of_layers_and_models_of_layers_warn():
    model = keras.Sequential([keras.Input([4, 4, 4]), keras.layers.Dense(4)])
    with pytest.warns(UserWarning, match="'mine' runs 'actnorm'"):
        keras.Sequential([model, Holds([ActNorm(4)])])(X)


def test_a_train_step_that_runs_it_warns():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.flow = ActNorm(4)
            self.dense = keras.layers.Dense(1)

        def train_step(self, x):
            return {"loss": tf.reduce_mean(self.flow.forward(x))}

    model = Model()
    model.compile("sgd")
    with pytest.warns(UserWarning, match="'model' runs 'actnorm'"):
        model.fit(X, verbose=0)


def test_what_keras_sees_or_has_no_variables_warns_not():
    network = keras_network(2, 4, "float32")

    class Sees(keras.layers.Layer):
        def __init__(self):
            super().__init__(dtype="mixed_bfloat16", autocast=False)
            self.network = network
            self.coupling = AffineCoupling(network)

        def call(self, x):
            return self.coupling.forward(Squeeze().inverse(Squeeze().forward(x)))

    Sees()(X)
    ActNorm(4).forward(X)
    glow = tfglow.Glow(tfglow.GlowConfig(image_shape=(4, 4, 1), levels=1, steps=1, width=4))
    glow(np.zeros([1, 4, 4, 1], np.uint8))


NETWORKS = {
    "coupling_network": lambda: CouplingNetwork(4, 6, 8),
    "scaled_conv2d": lambda: ScaledConv2D(4, 6, 3),
    "scaled_dense": lambda: ScaledDense(4, 6),
}


class Runs(keras.layers.Layer):
    """Calls what it holds as it is."""

    def __init__(self, held):
        super().__init__(name="mine")
        self.held = held

    def call(self, x):
        return self.held(x)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_a_network_that_a_layer_holds_as_it_is_warns_once(make):
    layer, x = Runs(make()), X[0, 0] if "dense" in make().name else X
    with pytest.warns(UserWarning, match=r"'mine' runs '\w+', .*neither trains.*Keras's own"):
        layer(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(x)
        make()(x)  # Nobody holds this one.


@pytest.mark.parametrize("name", ["coupling", "steps"])
def test_a_network_is_answered_for_by_its_bijector(name):
    with pytest.warns(UserWarning) as caught:
        Holds(HELD[name]())(X)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Holds(tfglow.BijectorLayer(HELD[name]()))(X)
