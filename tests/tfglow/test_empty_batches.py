"""Batches of 0 rows: nothing in, nothing out, everywhere; `initialize` refuses them."""

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.random_glow import randomize
from tfglow import bijectors as tgb
from tfglow.networks import CouplingNetwork, ScaledConv2D

pytestmark = pytest.mark.slow

# oneDNN's float32 convolution answers 0 rows with as many channels as its input has.
NETWORKS = {
    "patches": lambda: ScaledConv2D(1, 8, 3, stddev=0.1),
    "inside_channel": lambda: ScaledConv2D(2, 12, 3, stddev=0.1, activation=tf.nn.relu),
    "edge_map": lambda: ScaledConv2D(8, 4, 3, stddev=0.1),
    "pixelwise": lambda: ScaledConv2D(2, 5, 1, stddev=0.1),
    "coupling": lambda: CouplingNetwork(2, 4, 8, seed=0),
    "wide": lambda: CouplingNetwork(8, 6, 4, seed=0),
}


@pytest.mark.parametrize("how", ["eager", "static", "dynamic"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, how):
    network = NETWORKS[name]()
    randomize(network)
    empty = tf.zeros([0, 4, 4, network.in_channels])

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = network(x)
            loss = tf.reduce_sum(y)
        return y, tape.gradient(loss, [x, *network.trainable_variables])

    if how != "eager":
        spec = tf.TensorSpec([None, None, None, network.in_channels])
        signature = [spec] if how == "dynamic" else None
        run = tf.function(run, input_signature=signature, autograph=False)
    y, gradients = run(empty)
    assert y.shape == (0, 4, 4, getattr(network, "filters", None) or network.out_channels)
    assert gradients[0].shape == empty.shape
    for gradient in gradients[1:]:
        np.testing.assert_array_equal(gradient, tf.zeros_like(gradient))


@pytest.fixture(scope="module", name="glow")
def _glow():
    config = tfglow.GlowConfig(image_shape=(4, 4, 1), levels=2, steps=1, width=4, num_classes=3)
    return tfglow.Glow(config)


def test_every_method_of_a_glow(glow):
    images, labels = np.zeros([0, 4, 4, 1], np.uint8), np.zeros([0], np.int32)
    assert glow.log_prob(images, labels).shape == (0,)
    assert glow.bits_per_dim(images, labels).shape == (0,)
    assert glow.objective(images, labels)["loss"].shape == (0,)
    assert glow.encode(images, labels).shape == (0, 16)
    assert glow.decode(np.zeros([0, 16], np.float32), labels).shape == (0, 4, 4, 1)
    assert glow.sample(0, labels=labels).shape == (0, 4, 4, 1)
    arguments = {"bijector_kwargs": {"labels": labels}}
    assert glow.distribution.sample(0, **arguments).shape == (0, 4, 4, 1)
    assert glow.distribution.log_prob(images.astype(np.float32), **arguments).shape == (0,)


@pytest.mark.parametrize(
    "make, event_shape",
    [
        (lambda: tgb.ActNorm(4), (2, 2, 4)),
        (lambda: tgb.AffineCoupling(CouplingNetwork(2, 4, 4)), (2, 2, 4)),
        (lambda: tgb.AdditiveCoupling(lambda x1: x1), (2, 2, 4)),
        (lambda: tgb.FlowSteps(1, 4, width=4), (2, 2, 4)),
        (lambda: CouplingNetwork(2, 4, 4), (2, 2, 2)),
        (lambda: ScaledConv2D(2, 4, 3), (2, 2, 2)),
    ],
)
def test_initialize_refuses_nothing_and_changes_nothing(make, event_shape):
    layer = make()
    before = [variable.numpy() for variable in layer.variables]
    with pytest.raises(ValueError, match=r"`initialize` of \w+ needs .* one row, got .*\(0, "):
        layer.initialize(tf.zeros([0, *event_shape]))
    for old, variable in zip(before, layer.variables, strict=True):
        np.testing.assert_array_equal(old, variable)


def test_initialize_of_a_glow_refuses_nothing(glow):
    with pytest.raises(ValueError, match="at least one row"):
        glow.initialize(np.zeros([0, 4, 4, 1], np.uint8), np.zeros([0], np.int32))
