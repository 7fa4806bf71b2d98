"""The invertible 1×1 convolution."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.checks import check_seed
from tfglow.config import PARAMETERIZATIONS
from tfglow.ops import pixelwise, shapes


class LUWeights(NamedTuple):
    """W = P·L·(U + diag(sign·exp(log_s))), equation 10; each `[..., C, C]` or `[..., C]`.

    P and the signs are fixed, L is unit lower and U strictly upper triangular.
    """

    permutation: Any
    sign: Any
    lower: Any
    upper: Any
    log_s: Any

    @classmethod
    def initial(cls, num_channels: int, seed: int | None) -> "LUWeights":
        """The factors of a random rotation, as float64 arrays."""
        return cls.of_matrix(_random_rotation(num_channels, seed))

    @classmethod
    def of_matrix(cls, weight: np.ndarray) -> "LUWeights":
        """The factors of W `[C, C]`, float64.

        Raises:
          ValueError: If W is singular.
        """
        permutation, lower, upper = _plu(weight)
        diagonal = np.diag(upper)
        return cls(
            permutation,
            np.sign(diagonal),
            np.tril(lower, -1),
            np.triu(upper, 1),
            np.log(np.abs(diagonal)),
        )

    def matrix(self, dtype: tf.DType) -> tf.Tensor:
        """W, `[..., C, C]`."""
        lower, upper = self._triangles(dtype)
        return tf.matmul(self.permutation, tf.matmul(lower, upper))

    def inverse_matrix(self, dtype: tf.DType) -> tf.Tensor:
        """W⁻¹ = U⁻¹ L⁻¹ Pᵀ, `[..., C, C]`."""
        lower, upper = self._triangles(dtype)
        inverse = tf.linalg.triangular_solve(lower, tf.linalg.matrix_transpose(self.permutation))
        return tf.linalg.triangular_solve(upper, inverse, lower=False)

    def log_abs_det(self, dtype: tf.DType) -> tf.Tensor:
        """log |det W| = Σ log_s (nats), `[...]`."""
        return tf.reduce_sum(tf.cast(self.log_s, dtype), axis=-1)

    def _triangles(self, dtype):
        """L and U + diag(sign·exp(log_s)), each `[..., C, C]`."""
        ones = np.ones([self.lower.shape[-1]] * 2)
        below = tf.constant(np.tril(ones, -1), dtype)
        above = tf.constant(np.triu(ones, 1), dtype)
        unit = tf.constant(np.eye(len(ones)), dtype)
        diagonal = unit * tf.expand_dims(self.sign * tf.exp(self.log_s), -2)
        return self.lower * below + unit, self.upper * above + diagonal


class FullWeights(NamedTuple):
    """W itself, `[..., C, C]`; its log-determinant costs O(C³)."""

    w: Any

    @classmethod
    def initial(cls, num_channels: int, seed: int | None) -> "FullWeights":
        """A random rotation, as a float64 array."""
        return cls.of_matrix(_random_rotation(num_channels, seed))

    @classmethod
    def of_matrix(cls, weight: np.ndarray) -> "FullWeights":
        """W `[C, C]` itself."""
        return cls(weight)

    def matrix(self, dtype: tf.DType) -> tf.Tensor:
        """W, `[..., C, C]`."""
        return tf.convert_to_tensor(self.w, dtype)

    def inverse_matrix(self, dtype: tf.DType) -> tf.Tensor:
        """W⁻¹, `[..., C, C]`."""
        return tf.linalg.inv(self.matrix(dtype))

    def log_abs_det(self, dtype: tf.DType) -> tf.Tensor:
        """log |det W| (nats), `[...]`."""
        return _log_abs_det(self.matrix(dtype))


WEIGHTS: dict[str, type[LUWeights] | type[FullWeights]] = {"lu": LUWeights, "full": FullWeights}
# The weights that are not trained.
FIXED = ("permutation", "sign")


class Invertible1x1Conv(OnePassBijector):
    """A learned linear map of the channels, the same at every pixel (section 3.2).

    y = x W, on events `[H, W, C]`; log |det| = H·W·log |det W| (nats).

    "lu" holds W as `LUWeights`, "full" as `FullWeights`. Both start at the same random rotation
    for the same seed.

    Args:
      num_channels: C, the channels of an event.
      parameterization: "lu" or "full".
      seed: Seed of the initial rotation; None draws one.
      dtype: Dtype of the variables and of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Name of the bijector.
      weights: The weights to compute with, of the parameterization's type; None makes variables.

    Raises:
      ValueError: If an argument is not one of these, or an input has another number of channels.

    Example:
      >>> conv = tfglow.bijectors.Invertible1x1Conv(3, seed=0)
      >>> x = tf.random.stateless_normal([2, 4, 4, 3], seed=[1, 2])
      >>> bool(np.allclose(conv.inverse(conv.forward(x)), x, atol=1e-5))
      True
      >>> abs(conv.forward_log_det_jacobian(x).numpy().round(4))  # It starts as a rotation.
      np.float32(0.0)
    """

    num_channels: int  # Never None here.

    def __init__(
        self,
        num_channels: int,
        parameterization: str = "lu",
        seed: int | None = None,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "invertible_1x1_conv",
        weights: LUWeights | FullWeights | None = None,
    ):
        parameters = dict(locals())
        if parameterization not in WEIGHTS:
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
        seed = check_seed(seed, name)
        if weights is None:
            initial = WEIGHTS[parameterization].initial(self.num_channels, seed)
            weights = type(initial)(
                **{
                    field: tf.Variable(value, trainable=field not in FIXED, dtype=dtype, name=field)
                    for field, value in initial._asdict().items()
                }
            )
        for field, value in weights._asdict().items():
            setattr(self, field, value)

    @property
    def parameterization(self) -> str:
        """ "lu" or "full"."""
        return self._parameterization

    @property
    def weights(self) -> LUWeights | FullWeights:
        """The weights that W is computed from."""
        kind = WEIGHTS[self._parameterization]
        return kind(*(getattr(self, field) for field in kind._fields))

    def weight(self) -> tf.Tensor:
        """W, `[C, C]`."""
        return self.weights.matrix(self.dtype)

    def inverse_weight(self) -> tf.Tensor:
        """W⁻¹, `[C, C]`."""
        return self.weights.inverse_matrix(self.dtype)

    def log_abs_det_weight(self) -> tf.Tensor:
        """log |det W|, a scalar (nats)."""
        return self.weights.log_abs_det(self.dtype)

    def _forward_and_log_det(self, x):
        return pixelwise.linear(x, self.weight()), self._log_det(x)

    def _inverse_and_log_det(self, y):
        return pixelwise.linear(y, self.inverse_weight()), -self._log_det(y)

    def _log_det(self, x):
        return shapes.num_positions(x) * self.log_abs_det_weight()


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
    try:
        with tf.init_scope():
            packed, rows = (t.numpy() for t in tf.linalg.lu(weight))
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"A matrix of {len(weight)} channels is singular.") from error
    size = len(rows)
    permutation = np.zeros_like(packed)
    permutation[rows, np.arange(size)] = 1.0  # Row i of L·U is row rows[i] of W.
    return permutation, np.tril(packed, -1) + np.eye(size), np.triu(packed)
