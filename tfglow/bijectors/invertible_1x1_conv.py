"""The invertible 1×1 convolution."""

import numpy as np
import tensorflow as tf

from tfglow.bijectors.channel_map import ChannelMap
from tfglow.config import PARAMETERIZATIONS
from tfglow.ops import pixelwise, shapes


class Invertible1x1Conv(ChannelMap):
    """A learned linear map of the channels, the same at every pixel (section 3.2).

    y = x W, on events `[H, W, C]`; log |det| = H·W·log |det W| (nats).

    "lu" holds W = P·L·(U + diag(sign·exp(log_s))), equation 10, with a fixed permutation P and
    fixed signs, L unit lower and U strictly upper triangular: log |det W| = Σ log_s.
    "full" holds W itself, and its log-determinant costs O(C³). Both start at the same random
    rotation for the same seed.

    Args:
      num_channels: C.
      parameterization: "lu" or "full".
      seed: Of the initial rotation; None draws one.
      dtype: Of the variables and of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Of the bijector.

    Raises:
      ValueError: If an argument is not one of these, or an input has another number of channels.
    """

    def __init__(
        self,
        num_channels,
        parameterization="lu",
        seed=None,
        dtype=tf.float32,
        validate_args=False,
        name="invertible_1x1_conv",
    ):
        parameters = dict(locals())
        if parameterization not in PARAMETERIZATIONS:
            raise ValueError(
                f"`parameterization` must be one of {', '.join(PARAMETERIZATIONS)}; "
                f"got {parameterization!r}."
            )
        super().__init__(
            parameters=parameters,
            num_channels=num_channels,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=True,
            name=name,
        )
        self._parameterization = parameterization
        weight = _random_rotation(num_channels, seed)
        if parameterization == "full":
            self.w = tf.Variable(weight, dtype=dtype, name="w")
        else:
            permutation, lower, upper = _plu(weight)
            diagonal = np.diag(upper)
            self.permutation = tf.Variable(
                permutation, trainable=False, dtype=dtype, name="permutation"
            )
            self.sign = tf.Variable(np.sign(diagonal), trainable=False, dtype=dtype, name="sign")
            self.lower = tf.Variable(np.tril(lower, -1), dtype=dtype, name="lower")
            self.upper = tf.Variable(np.triu(upper, 1), dtype=dtype, name="upper")
            self.log_s = tf.Variable(np.log(np.abs(diagonal)), dtype=dtype, name="log_s")

    @property
    def parameterization(self) -> str:
        """ "lu" or "full"."""
        return self._parameterization

    def weight(self) -> tf.Tensor:
        """W, `[C, C]`."""
        return self.weight_from(self.num_channels, *self.weight_variables)

    def inverse_weight(self) -> tf.Tensor:
        """W⁻¹, `[C, C]`."""
        return self.inverse_weight_from(self.num_channels, *self.weight_variables)

    def log_abs_det_weight(self) -> tf.Tensor:
        """log |det W|, a scalar (nats)."""
        return self.log_abs_det_from(*self.weight_variables)

    @property
    def weight_variables(self):
        if self._parameterization == "full":
            return (self.w,)
        return self.permutation, self.sign, self.lower, self.upper, self.log_s

    def weight_from(self, num_channels, *values):
        if self._parameterization == "full":
            return tf.convert_to_tensor(values[0])
        permutation, lower, upper = _triangles(num_channels, *values)
        return tf.matmul(permutation, tf.matmul(lower, upper))

    def inverse_weight_from(self, num_channels, *values):
        if self._parameterization == "full":
            return tf.linalg.inv(values[0])
        permutation, lower, upper = _triangles(num_channels, *values)
        # W⁻¹ = U⁻¹ L⁻¹ Pᵀ
        inverse = tf.linalg.triangular_solve(lower, tf.linalg.matrix_transpose(permutation))
        return tf.linalg.triangular_solve(upper, inverse, lower=False)

    def log_abs_det_from(self, *values):
        if self._parameterization == "full":
            return _log_abs_det(tf.convert_to_tensor(values[0]))
        *_, log_s = values
        return tf.reduce_sum(log_s, axis=-1)

    def _forward_and_log_det(self, x):
        return pixelwise.linear(x, self.weight()), self._log_det(x)

    def _inverse_and_log_det(self, y):
        return pixelwise.linear(y, self.inverse_weight()), -self._log_det(y)

    def _log_det(self, x):
        return shapes.num_positions(x) * self.log_abs_det_weight()


def _triangles(num_channels, permutation, sign, lower, upper, log_s):
    """P, L and U + diag(sign·exp(log_s)), each `[..., C, C]`."""
    ones = np.ones([num_channels, num_channels])
    below = tf.constant(np.tril(ones, -1), lower.dtype)
    above = tf.constant(np.triu(ones, 1), lower.dtype)
    unit = tf.constant(np.eye(num_channels), lower.dtype)
    diagonal = unit * (sign * tf.exp(log_s))[..., tf.newaxis, :]
    return permutation, lower * below + unit, upper * above + diagonal


@tf.custom_gradient
def _log_abs_det(weight):
    """log |det W| through QR: slogdet has no XLA kernel on CPUs, and logdet is for SPD alone."""
    triangle = tf.linalg.qr(weight).r

    def grad(upstream):
        inverse = tf.linalg.matrix_transpose(tf.linalg.inv(weight))
        return upstream[..., tf.newaxis, tf.newaxis] * inverse

    log_abs_diagonal = tf.math.log(tf.abs(tf.linalg.diag_part(triangle)))
    return tf.reduce_sum(log_abs_diagonal, axis=-1), grad


def _random_rotation(num_channels, seed):
    """A random orthogonal matrix of determinant ±1, float64."""
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=[num_channels] * 2))
    return rotation


def _plu(weight):
    """W = P L U with partial pivoting, float64."""
    with tf.init_scope():
        packed, rows = (t.numpy() for t in tf.linalg.lu(weight))
    size = len(rows)
    permutation = np.zeros_like(packed)
    permutation[rows, np.arange(size)] = 1.0  # Row i of L·U is row rows[i] of W.
    return permutation, np.tril(packed, -1) + np.eye(size), np.triu(packed)
