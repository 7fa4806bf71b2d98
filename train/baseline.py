"""A Gaussian, to compare a flow with."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tfglow import likelihood

# The covariance of more dimensions takes more than 128 MiB, and minutes.
MAX_DIMS = 4096


class GaussianBaseline:
    """The Gaussian with full covariance that fits a split's dequantised pixels best.

    p(x) = N(x; μ, Σ) of x `[D]`, the pixels as the flow sees them. With the noise in a bin
    uniform and independent, μ is the mean of the bins' centres and Σ their covariance plus
    4^(−bits)/12 on the diagonal: the fit over all draws of the noise.

    Args:
      batches: The images to fit to: dictionaries with `image`, uint8 `[B, H, W, C]`.
      num_bits: How many of the 8 bits of a pixel are modelled.

    Raises:
      ValueError: If there is no image.
    """

    def __init__(self, batches: Iterable[dict[str, tf.Tensor]], num_bits: int):
        count = 0
        total = products = np.zeros([])  # [D] and [D, D], from the first batch on.
        for batch in batches:
            x = likelihood.dequantize(batch["image"], num_bits, 0.5, tf.float64)
            x = tf.reshape(x, [x.shape[0], -1])  # [B, D]
            count += x.shape[0]
            total = total + tf.reduce_sum(x, axis=0).numpy()
            products = products + tf.matmul(x, x, transpose_a=True).numpy()
        if not count:
            raise ValueError("There is no image to fit a Gaussian to.")
        self._num_bits = num_bits
        self._mean = total / count
        covariance = products / count - np.outer(self._mean, self._mean)
        covariance += np.eye(len(self._mean)) * 4.0**-num_bits / 12
        self._factor = np.linalg.cholesky(covariance)  # [D, D], lower

    def log_prob(self, images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """log P of discrete images with this noise, nats, `[B]`."""
        num_dims = len(self._mean)
        x = likelihood.dequantize(images, self._num_bits, noise, tf.float64)
        centred = tf.reshape(x, [-1, num_dims]) - self._mean
        white = tf.linalg.triangular_solve(self._factor, tf.transpose(centred))  # [D, B]
        log_det = np.sum(np.log(np.diag(self._factor)))
        density = likelihood.standard_normal_log_prob(tf.transpose(white)) - log_det
        return likelihood.discrete_log_prob(density, num_dims, self._num_bits)
