"""What a look inside the flow tells: its health, and where a step first went wrong."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfglow import Glow, likelihood
from tfglow.bijectors import AffineCoupling, GaussianSplit, Invertible1x1Conv, TopPrior


class Health(NamedTuple):
    """Numbers that grow, or vanish, before a flow breaks; of one batch."""

    # Smallest factor s of any affine coupling; 1 if there is none.
    min_coupling_scale: float
    # Largest condition number of a 1×1 convolution's matrix; 1 if there is none.
    max_condition_number: float
    # Largest |decode(encode(x)) − x| of the continuous images.
    round_trip_error: float


def health(glow: Glow, images: tf.Tensor, labels: tf.Tensor | None = None) -> Health:
    """Looks at every layer on one batch of images, uint8 `[B, H, W, C]`."""
    continuous = _at_bin_centres(glow, images)
    scales, conditions = [1.0], [1.0]
    x = continuous
    for _, layer in glow.flow.layers:
        if isinstance(layer, AffineCoupling):
            _, log_scale = layer.shift_and_log_scale(tf.split(x, 2, axis=-1)[0])
            scales.append(float(tf.exp(tf.reduce_min(log_scale))))
        if isinstance(layer, Invertible1x1Conv):
            conditions.append(float(np.linalg.cond(layer.weight().numpy().astype(np.float64))))
        x, _ = _forward(layer, x, labels)
    kwargs = {} if labels is None else {"labels": labels}
    latent, _ = glow.flow.forward_and_log_det(continuous, **kwargs)
    restored, _ = glow.flow.inverse_and_log_det(latent, **kwargs)
    error = float(tf.reduce_max(tf.abs(restored - continuous)))
    return Health(min(scales), max(conditions), error)


def first_not_finite(
    glow: Glow, images: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None = None
) -> str:
    """Which layer first went wrong, in words that complete a sentence.

    In the forward pass that is the first layer, from data to latent, whose output or log-det is
    not finite; if all are, it is the first that the backward pass, from latent to data, gives a
    gradient that is not.

    Args:
      glow: The model.
      images: uint8 `[B, H, W, C]`.
      noise: The dequantisation noise, in [0, 1).
      labels: int `[B]`, for a conditional model.
    """
    config = glow.config
    x = likelihood.dequantize(images, config.num_bits, noise, config.dtype)
    if not _finite(x):
        return "the dequantised images"
    for name, layer in glow.flow.layers:
        x, log_det = _forward(layer, x, labels)
        if not _finite(x):
            return f"the output of {name}"
        if not _finite(log_det):
            return f"the log-det of {name}"
    named = list(glow.flow.named_variables.items())
    if glow.classifier is not None:
        named += [(v.path, v.value) for v in glow.classifier.trainable_variables]
    named = [(name, variable) for name, variable in named if variable.trainable]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(glow.objective(images, labels, noise=noise)["loss"])
    if not _finite(loss):
        return "the loss, with every layer's output finite"
    gradients = tape.gradient(loss, [variable for _, variable in named])
    for (name, _), gradient in reversed(list(zip(named, gradients, strict=True))):
        if gradient is not None and not _finite(gradient):
            return f"the gradient of {name}"
    return "the norm of the gradient, each of whose parts is finite"


def _at_bin_centres(glow, images):
    config = glow.config
    return likelihood.dequantize(images, config.num_bits, 0.5, config.dtype)


def _forward(layer, x, labels):
    """What goes on to the next layer, and the log-det; of a split, the part that stays."""
    if isinstance(layer, GaussianSplit):
        stays, eps, log_det = layer.split(x)
        # What leaves goes no further; a fault in it is a fault of this layer.
        return (stays if _finite(eps) else eps), log_det
    takes_labels = labels is not None and isinstance(layer, TopPrior)
    return layer.forward_and_log_det(x, **({"labels": labels} if takes_labels else {}))


def _finite(x):
    return bool(tf.reduce_all(tf.math.is_finite(x)))
