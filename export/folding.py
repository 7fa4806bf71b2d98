"""A model's weights, folded for inference: as few and as plain operations as its function needs.

ActNorm and the permutation of a step are two affine maps of the channels, so they are one, and
so is their inverse. Everything is computed in float64, once; nothing here is TensorFlow's graph.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.bijectors import AffineCoupling, FlowStep, GlowFlow, OnePassBijector, TopPrior
from tfglow.networks import LOG_SCALE_FACTOR, CouplingNetwork, ScaledConv2D
from tfglow.ops.edge_channel import edge_response

# In s = sigmoid(h + 2), the affine coupling's scale.
_SCALE_OFFSET = 2.0


class ChannelMap(NamedTuple):
    """An affine map of the channels at every pixel, x → x·kernel + bias: a 1×1 convolution."""

    kernel: np.ndarray  # [C, C]
    bias: np.ndarray  # [C]


class NetworkWeights(NamedTuple):
    """A coupling network's convolutions, their scales and the image's edge folded in."""

    kernel_1: np.ndarray  # [3, 3, C/2 + 1, width]; the last input channel is 1 inside the image
    bias_1: np.ndarray  # [width]
    kernel_2: np.ndarray  # [width, width]
    bias_2: np.ndarray  # [width]
    kernel_last: np.ndarray  # [3, 3, width, C]: every t, then every −(h + 2); additive: C/2
    bias_last: np.ndarray  # [1, H, W, C], with what the edge adds


class StepWeights(NamedTuple):
    """A flow step: its channel maps and its coupling's network."""

    forward: ChannelMap  # ActNorm, then the permutation
    inverse: ChannelMap
    network: NetworkWeights


class SplitWeights(NamedTuple):
    """The convolution from z₁ to all means, then all log scales, of z₂."""

    kernel: np.ndarray  # [3, 3, C/2, C]
    bias: np.ndarray  # [1, H, W, C], with what the edge adds


class FlowWeights(NamedTuple):
    """Everything that a `GlowFlow` computes with."""

    steps: list[list[StepWeights]]  # [level][k]
    splits: list[SplitWeights]  # one a level, but for the last
    top: np.ndarray  # [1, h, w, 2c]: means, then log scales
    labels: np.ndarray | None  # [num_classes, 2c], added to `top`; None: unconditional
    log_det: float  # what does not depend on the image, nats
    latent_shapes: list[tuple[int, int, int]]  # [h, w, c] of each level's ε


def fold(flow: GlowFlow) -> FlowWeights:
    """The weights of `flow`, folded, in float64.

    Raises:
      ValueError: If a weight is not finite, or a 1×1 convolution has no inverse.
    """
    for name, variable in flow.named_variables.items():
        if not _is_finite(variable.numpy()):
            raise ValueError(f"The weight {name!r} is not finite: the training run diverged.")
    steps, log_det = [], 0.0
    for level, level_steps in enumerate(flow.steps):
        shape = flow.config.level_shape(level)
        folded = [_fold_step(step, shape) for step in level_steps]
        steps.append([weights for weights, _ in folded])
        log_det += sum(step_log_det for _, step_log_det in folded)
    splits = [
        SplitWeights(*_fold_edge_conv(split.conv, flow.config.level_shape(level)))
        for level, split in enumerate(flow.splits)
    ]
    shape = flow.config.level_shape(flow.config.levels - 1)
    top, labels = _fold_top_prior(flow.top_prior, flow.config.num_classes, shape)
    return FlowWeights(steps, splits, top, labels, log_det, flow.latent_shapes)


def _fold_step(step: FlowStep, shape: tuple[int, int, int]) -> tuple[StepWeights, float]:
    """The step's weights, and the log-det of its ActNorm and permutation over an image (nats)."""
    height, width, channels = shape
    parts = [_in_float64(step.actnorm), _in_float64(step.permutation)]
    # An affine map is known by its values at zero and at the unit vectors.
    points = np.concatenate([np.zeros([1, channels]), np.eye(channels)])[:, None, None, :]
    forward, log_det = tf.constant(points), 0.0
    for part in parts:
        forward, part_log_det = part.forward_and_log_det(forward)
        log_det += float(part_log_det) * height * width  # The points are images of one pixel.
    try:
        inverse = tf.constant(points)
        for part in reversed(parts):
            inverse, _ = part.inverse_and_log_det(inverse)
    except tf.errors.InvalidArgumentError as error:
        raise _singular(step) from error
    forward, inverse = _channel_map(forward.numpy()), _channel_map(inverse.numpy())
    if not _is_finite(*forward, *inverse):
        raise _singular(step)
    is_affine = isinstance(step.coupling, AffineCoupling)
    network = _fold_network(step.coupling.network, shape, is_affine)
    if not _is_finite(*network):
        raise ValueError(f"The network of {step.name} is not finite: the training run diverged.")
    return StepWeights(forward, inverse, network), log_det


def _singular(step: FlowStep) -> ValueError:
    return ValueError(f"{step.name} cannot be inverted: its ActNorm or permutation is singular.")


def _channel_map(values: np.ndarray) -> ChannelMap:
    values = values.reshape(values.shape[0], -1)  # At zero, then at each unit vector.
    return ChannelMap(kernel=values[1:] - values[0], bias=values[0])


def _fold_network(
    network: CouplingNetwork, shape: tuple[int, int, int], is_affine: bool
) -> NetworkWeights:
    kernel_1, edge_1, bias_1 = _scaled(network.conv_1)
    # The edge channel is 1 in the padding. Its complement is 1 in the image, so that SAME padding
    # makes it, and e · edge = Σ edge − (1 − e) · edge: a constant goes to the bias, and no map of
    # the size of an activation is kept.
    kernel_1 = np.concatenate([kernel_1, -edge_1], axis=2)
    bias_1 = bias_1 + edge_1.sum(axis=(0, 1, 2))
    kernel_2, _, bias_2 = _scaled(network.conv_2)
    kernel_last, bias_last = _fold_edge_conv(network.conv_last, shape)
    if is_affine:
        # 1/s = 1 + exp(−(h + 2)): the network gives the exponent, in every odd channel.
        kernel_last[..., 1::2] *= -1.0
        bias_last[..., 1::2] = -(bias_last[..., 1::2] + _SCALE_OFFSET)
    return NetworkWeights(kernel_1, bias_1, kernel_2[0, 0], bias_2, kernel_last, bias_last)


def _fold_edge_conv(
    conv: ScaledConv2D, shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel, and bias `[1, H, W, C]` with what the edge of an image of `shape` adds to it."""
    kernel, edge, bias = _scaled(conv)
    images = tf.zeros([1, *shape], edge.dtype)
    return kernel, bias + edge_response(tf.constant(edge), images).numpy()


def _scaled(conv: ScaledConv2D) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel `[k, k, C, filters]`, edge kernel `[k, k, 0 or 1, filters]` and bias, scaled."""
    kernel, b, logs = (_float64(v) for v in (conv.kernel, conv.b, conv.logs))
    scale = np.exp(LOG_SCALE_FACTOR * logs)
    kernel = kernel * scale
    return kernel[:, :, : conv.in_channels], kernel[:, :, conv.in_channels :], b * scale


def _fold_top_prior(
    prior: TopPrior, num_classes: int, shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray | None]:
    """`FlowWeights.top` and `FlowWeights.labels`."""
    labels = np.arange(num_classes) if num_classes else None
    prior = _in_float64(prior)
    moments = prior.mean_and_log_scale(tf.zeros([1, *shape], tf.float64), labels)
    moments = np.concatenate([moment.numpy() for moment in moments], axis=-1)
    top = np.broadcast_to(moments[:1], [1, *shape[:2], moments.shape[-1]])
    # What a label adds is the same at every pixel, and here counted from the first label.
    return top, moments[:, 0, 0] - moments[0, 0, 0] if num_classes else None


def _in_float64(bijector: OnePassBijector) -> OnePassBijector:
    """A copy of `bijector` that computes in float64."""
    copy = type(bijector)(**{**bijector.parameters, "dtype": tf.float64})
    for name, variable in copy.named_variables.items():
        variable.assign(tf.cast(bijector.named_variables[name], variable.dtype))
    return copy


def _is_finite(*arrays: np.ndarray) -> bool:
    """Whether every value is a finite number in float32."""
    largest = np.finfo(np.float32).max
    return all(np.all(np.abs(array) <= largest) for array in arrays)


def _float64(variable: Any) -> np.ndarray:
    return variable.numpy().astype(np.float64)
