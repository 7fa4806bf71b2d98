"""Between a latent z and the white ε of a Gaussian N(μ, σ²) that depends on something else."""

import tensorflow as tf


def whiten(z: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor) -> tf.Tensor:
    """ε = (z − μ)/σ; its log |det| is −Σ log σ."""
    return (z - mean) * tf.exp(-log_scale)


def unwhiten(eps: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor) -> tf.Tensor:
    """z = σ·ε + μ; its log |det| is Σ log σ."""
    return eps * tf.exp(log_scale) + mean
