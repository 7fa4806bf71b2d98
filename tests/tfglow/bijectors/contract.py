"""The constructor table that every bijector joins, and what its tests share."""

import dataclasses
import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tests.random_glow import randomize
from tfglow import GlowConfig
from tfglow import bijectors as tgb
from tfglow.networks import CouplingNetwork


@dataclasses.dataclass(frozen=True)
class Case:
    """How to make one bijector, and what it takes."""

    # make(dtype=..., validate_args=...) -> the bijector, as constructed.
    make: Callable[..., tgb.OnePassBijector]
    event_shape: tuple[int, ...]
    # Classes of a conditional bijector, whose maps take `labels`; 0 for the others.
    num_classes: int = 0
    # Whether it has data-dependent weights, set by `initialize`.
    initializes: bool = False
    # Whether it is built for one number of channels and refuses every other itself.
    knows_channels: bool = True

    def bijector(self, dtype="float32", validate_args=False):
        """The bijector with random weights, so that nothing is zero or the identity.

        It is shared by all tests: not to be changed.
        """
        return _shared(self, dtype, validate_args)

    def fresh(self, dtype="float32", validate_args=False):
        """As `bijector`, for one test alone."""
        bijector = self.make(dtype=tf.as_dtype(dtype), validate_args=validate_args)
        randomize(bijector)
        return bijector

    def inputs(self, batch_shape=(3,), dtype="float32", seed=1):
        """Data `[*batch_shape, *event_shape]` and the keyword arguments of a map."""
        rng = np.random.default_rng(seed)
        x = tf.constant(rng.normal(size=[*batch_shape, *self.event_shape]), dtype)
        if not self.num_classes:
            return x, {}
        labels = rng.integers(self.num_classes, size=batch_shape)
        return x, {"labels": tf.constant(labels, tf.int32)}


@functools.cache
def _shared(case, dtype, validate_args):
    return case.fresh(dtype, validate_args)


forget_bijectors = _shared.cache_clear


class Counting(tgb.OnePassBijector):
    """y = x·exp(a), with a count of its passes."""

    def __init__(self, dtype=tf.float32, validate_args=False, name="counting"):
        parameters = dict(locals())
        super().__init__(parameters=parameters, dtype=dtype, validate_args=validate_args, name=name)
        self.a = tf.Variable(0.5, dtype=dtype)
        self.passes = []

    def _forward_and_log_det(self, x):
        self.passes.append("forward")
        log_det = self.a * tf.cast(tf.size(x[0]), x.dtype)
        return x * tf.exp(self.a), tf.repeat(log_det, tf.shape(x)[0])

    def _inverse_and_log_det(self, y):
        self.passes.append("inverse")
        log_det = -self.a * tf.cast(tf.size(y[0]), y.dtype)
        return y * tf.exp(-self.a), tf.repeat(log_det, tf.shape(y)[0])


class ModuleNetwork(tf.Module):
    """A network that is no Keras layer: a linear map of every pixel's channels."""

    def __init__(self, in_channels: int, out_channels: int, dtype: tf.DType):
        super().__init__(name="linear")
        self.weight = tf.Variable(tf.zeros([in_channels, out_channels], dtype), name="weight")
        self.bias = tf.Variable(tf.zeros([out_channels], dtype), name="bias")

    def __call__(self, x):
        return tf.tanh(tf.einsum("bhwc,cd->bhwd", x, self.weight) + self.bias)


def keras_network(in_channels: int, out_channels: int, dtype: str) -> keras.Sequential:
    """A user's own Keras network."""
    return keras.Sequential(
        [
            keras.Input([None, None, in_channels], dtype=dtype),
            keras.layers.Conv2D(5, 3, padding="same", activation="tanh", dtype=dtype),
            keras.layers.Conv2D(out_channels, 1, dtype=dtype),
        ]
    )


def flow_step(coupling, channels=4, **kwargs):
    outputs = channels if coupling is tgb.AffineCoupling else channels // 2
    network = CouplingNetwork(channels // 2, outputs, 8, seed=3, dtype=kwargs["dtype"].name)
    return tgb.FlowStep(
        tgb.ActNorm(channels, **kwargs),
        tgb.Invertible1x1Conv(channels, seed=3, **kwargs),
        coupling(network, **kwargs),
        **kwargs,
    )


def _coupling(coupling, make_network):
    def make(dtype, validate_args):
        return coupling(make_network(dtype), dtype=dtype, validate_args=validate_args)

    return Case(make, (2, 3, 4), initializes=True, knows_channels=False)


def _steps(**fields):
    def make(dtype, validate_args):
        arguments = {"num_steps": 2, "num_channels": 4, "width": 8, "seed": 3, **fields}
        return tgb.FlowSteps(**arguments, dtype=dtype, validate_args=validate_args)

    return Case(make, (2, 2, 4), initializes=True)


def _glow(image_shape, **config):
    def make(dtype, validate_args):
        fields = {"levels": 2, "steps": 2, "width": 8, "precision": dtype.name, **config}
        flow_config = GlowConfig(image_shape=image_shape, **fields)
        return tgb.GlowFlow(flow_config, validate_args=validate_args)

    return Case(make, image_shape, config.get("num_classes", 0), initializes=True)


TOLERANCE = {"float32": 1e-5, "float64": 1e-12}

CASES = {
    "actnorm": Case(lambda **kw: tgb.ActNorm(4, **kw), (2, 3, 4), initializes=True),
    "conv_lu": Case(lambda **kw: tgb.Invertible1x1Conv(5, seed=2, **kw), (2, 2, 5)),
    "conv_full": Case(lambda **kw: tgb.Invertible1x1Conv(5, "full", seed=2, **kw), (2, 2, 5)),
    "conv_one_channel": Case(lambda **kw: tgb.Invertible1x1Conv(1, seed=2, **kw), (3, 2, 1)),
    "reverse": Case(lambda **kw: tgb.ReverseChannels(**kw), (2, 2, 5), knows_channels=False),
    "shuffle": Case(lambda **kw: tgb.ShuffleChannels(7, seed=2, **kw), (1, 2, 7)),
    "squeeze": Case(lambda **kw: tgb.Squeeze(**kw), (4, 2, 3), knows_channels=False),
    "squeeze_3": Case(lambda **kw: tgb.Squeeze(3, **kw), (6, 3, 2), knows_channels=False),
    "affine": _coupling(
        tgb.AffineCoupling, lambda dtype: CouplingNetwork(2, 4, 8, seed=1, dtype=dtype.name)
    ),
    "affine_keras": _coupling(tgb.AffineCoupling, lambda dtype: keras_network(2, 4, dtype.name)),
    "affine_module": _coupling(tgb.AffineCoupling, lambda dtype: ModuleNetwork(2, 4, dtype)),
    "additive": _coupling(
        tgb.AdditiveCoupling, lambda dtype: CouplingNetwork(2, 2, 8, seed=1, dtype=dtype.name)
    ),
    "step_affine": Case(
        lambda **kw: flow_step(tgb.AffineCoupling, **kw), (2, 2, 4), initializes=True
    ),
    "step_additive": Case(
        lambda **kw: flow_step(tgb.AdditiveCoupling, **kw), (2, 2, 4), initializes=True
    ),
    "steps_affine_lu": _steps(num_steps=3),
    "steps_affine_full": _steps(parameterization="full"),
    "steps_affine_reverse": _steps(permutation="reverse"),
    "steps_additive_shuffle": _steps(coupling="additive", permutation="shuffle"),
    "steps_recomputed": _steps(recompute=True),
    "steps_scanned": _steps(scan=True),
    "split": Case(lambda **kw: tgb.GaussianSplit(6, **kw), (2, 2, 6)),
    "top": Case(lambda **kw: tgb.TopPrior(4, **kw), (3, 2, 4)),
    "top_fixed": Case(lambda **kw: tgb.TopPrior(4, learn_top=False, **kw), (2, 2, 4)),
    "top_labels": Case(lambda **kw: tgb.TopPrior(4, num_classes=5, **kw), (2, 2, 4), 5),
    "top_labels_only": Case(
        lambda **kw: tgb.TopPrior(3, learn_top=False, num_classes=5, **kw), (2, 2, 3), 5
    ),
    # Whole flows: what a flow adds to its steps, splits and priors, which are above. (The tests of
    # `Glow` have flows of two levels without classes, and without recomputing.)
    "glow_conditional": _glow(
        (4, 4, 3), steps=1, num_classes=5, permutation="reverse", gradient_checkpointing=True
    ),
    "glow_additive_full": _glow(
        (2, 4, 1), levels=1, coupling="additive", parameterization="full", learn_top=False
    ),
}


def jacobian(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> np.ndarray:
    """dy/dx `[D, D]` of one event `x` by automatic differentiation, without the batch."""
    size = int(np.prod(x.shape))
    # Row i of the batch gives row i of the Jacobian: one backward pass for all of them.
    rows = tf.repeat(x[tf.newaxis], size, axis=0)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        y = tf.reshape(function(rows), [size, size])
        diagonal = tf.reduce_sum(tf.linalg.diag_part(y))
    return tf.reshape(tape.gradient(diagonal, rows), [size, size]).numpy()


def relative_error(actual, expected) -> float:
    """max |actual − expected| / max(1, max |expected|)."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    return float(np.max(np.abs(actual - expected)) / max(1.0, np.max(np.abs(expected))))


def full_log_det(log_det, batch_shape):
    """A log-det broadcast to its batch: TFP lets one that is the same for all be `[]`."""
    return np.broadcast_to(np.asarray(log_det), batch_shape)


def all_maps(bijector, x, y, kwargs):
    """Both values and both log-dets."""
    return (
        bijector.forward(x, **kwargs),
        bijector.forward_log_det_jacobian(x, **kwargs),
        bijector.inverse(y, **kwargs),
        bijector.inverse_log_det_jacobian(y, **kwargs),
    )


def both_ways(bijector, x, y, kwargs):
    """What `all_maps` returns, in one pass a direction."""
    return (
        *bijector.forward_and_log_det(x, **kwargs),
        *bijector.inverse_and_log_det(y, **kwargs),
    )


def negative_log_density(y, log_det):
    """The mean of −log N(y; 0, I) − log_det, but for a constant: a training loss."""
    y = tf.reshape(y, [y.shape[0], -1])
    return tf.reduce_mean(0.5 * tf.reduce_sum(tf.square(y), -1) - log_det)
