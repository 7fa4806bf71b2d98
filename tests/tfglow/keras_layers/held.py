"""Bijectors of all kinds, of TFP and of tfglow, that a Keras layer may hold."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfglow.bijectors import ActNorm, AffineCoupling, FlowSteps, Invertible1x1Conv
from tfglow.networks import CouplingNetwork

tfb, tfd = tfp.bijectors, tfp.distributions


def keras_network(*shape: int | None, outputs: int) -> keras.Model:
    layer = keras.layers.Dense(outputs, kernel_initializer=keras.initializers.RandomNormal(seed=0))
    return keras.Sequential([keras.Input(shape), layer])


class CallsNetwork:
    """A callable that is no Keras object, and holds one."""

    def __init__(self):
        self.network = keras_network(2, outputs=4)

    def __call__(self, x, units, **kwargs):
        return tf.split(self.network(x), 2, axis=-1)


def _closes_over_network():
    network = keras_network(2, outputs=4)
    return tfb.RealNVP(
        num_masked=2,
        shift_and_log_scale_fn=lambda x, units, **kwargs: tf.split(network(x), 2, axis=-1),
    )


def _autoregressive(**kwargs):
    network = tfb.AutoregressiveNetwork(params=2, hidden_units=[4], **kwargs)
    return tfb.MaskedAutoregressiveFlow(network)


# How it is made, the shape of an event, and how many variables are trained.
BIJECTORS = {
    "scale": (lambda: tfb.Scale(tf.Variable([1.0, 2.0, 3.0, 4.0])), (4,), 1),
    "lu": (lambda: tfb.ScaleMatvecLU(tf.Variable(tf.eye(4)), tf.range(4)), (4,), 1),
    "transformed_variable": (
        lambda: tfb.ScaleMatvecTriL(tfp.util.TransformedVariable(tf.eye(4), tfb.FillScaleTriL())),
        (4,),
        1,
    ),
    "deferred_tensor": (
        lambda: tfb.Shift(tfp.util.DeferredTensor(tf.Variable(1.0), tf.exp)),
        (4,),
        1,
    ),
    "chain": (
        lambda: tfb.Chain(
            [tfb.Shift(tf.Variable(1.0)), tfb.Exp(), tfb.Invert(tfb.Scale(tf.Variable(2.0)))]
        ),
        (4,),
        2,
    ),
    "real_nvp": (_closes_over_network, (4,), 2),
    "real_nvp_object": (
        lambda: tfb.RealNVP(num_masked=2, shift_and_log_scale_fn=CallsNetwork()),
        (4,),
        2,
    ),
    "autoregressive": (lambda: _autoregressive(event_shape=[4]), (4,), 4),
    "autoregressive_unbuilt": (_autoregressive, (4,), 4),
    "actnorm": (lambda: ActNorm(4), (2, 2, 4), 2),
    "conv": (lambda: Invertible1x1Conv(4, seed=0), (2, 2, 4), 3),
    "chain_of_ours": (lambda: tfb.Chain([Invertible1x1Conv(4), ActNorm(4)]), (2, 2, 4), 5),
    "coupling": (lambda: AffineCoupling(CouplingNetwork(2, 4, 8)), (2, 2, 4), 9),
    "coupling_keras": (
        lambda: AffineCoupling(keras_network(None, None, 2, outputs=4)),
        (2, 2, 4),
        2,
    ),
    "steps": (lambda: FlowSteps(2, 4, width=4), (2, 2, 4), 14),
}
