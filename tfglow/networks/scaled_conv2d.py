"""The official code's convolutions."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.checks import check_positive_integer, check_rows, check_seed
from tfglow.keras_calls import RunByKeras
from tfglow.networks.scale import data_dependent_shift_and_log_scale, log_scale
from tfglow.ops import pixelwise, shapes
from tfglow.ops.convolution import Convolution, plain_convolution, trainable_convolution
from tfglow.ops.edge_channel import (
    append_inside_channel,
    edge_patches,
    edge_response,
    join_edge_kernel,
    plain_edge_patches,
    plain_inside_channel,
    split_edge_kernel,
)

Activation = Callable[[tf.Tensor], tf.Tensor]


class ConvWeights(NamedTuple):
    """The weights of a `ScaledConv2D`: variables, tensors or arrays."""

    kernel: Any  # [k, k, in_channels (+ 1 for the edge where k > 1), filters]
    b: Any  # [filters]
    logs: Any  # [filters]


class FoldedConv(NamedTuple):
    """The weights of a `ScaledConv2D`, with the scale and the image's edge folded in.

    The kernel's shape says in which of three ways it is applied; see `fold`.
    """

    kernel: tf.Tensor
    bias: tf.Tensor


class ScaledConv2D(RunByKeras, tf.Module):
    """A convolution whose output channels are shifted and scaled, and an activation.

    y = activation((conv(x) + b) · exp(3·logs)), padding SAME,
    `[B, H, W, in_channels] → [B, H, W, filters]`.

    This is both of the official code's convolutions: with `initialize` called on a batch it is a
    convolution followed by ActNorm, and with `stddev=0` the zero-initialised one. A kernel larger
    than 1×1 has one more input channel, last, that is 1 in the padding and 0 inside the image, so
    that the network sees the image's edge.

    Args:
      in_channels: Channels of the input.
      filters: Channels of the output.
      kernel_size: k, the kernel's height and width.
      stddev: Standard deviation of the initial kernel, N(0, stddev²).
      activation: What follows, such as `tf.nn.relu`; None for nothing.
      seed: Seed of the initial kernel; None draws one.
      dtype: Dtype of the weights.
      compute_dtype: Dtype of the convolution and its output; None for `dtype`.
      weights: The weights to compute with; None makes variables.
      name: Name of the module.

    Raises:
      ValueError: If a count is not a positive integer, the input of a call has another number of
        channels, or a batch to initialise on has no rows.

    Example:
      >>> conv = tfglow.networks.ScaledConv2D(3, 8, 3, stddev=0.05, activation=tf.nn.relu, seed=0)
      >>> conv(tf.ones([1, 4, 4, 3])).shape
      TensorShape([1, 4, 4, 8])
      >>> conv.kernel.shape  # With the channel of the edge.
      TensorShape([3, 3, 4, 8])
    """

    def __init__(
        self,
        in_channels: int,
        filters: int,
        kernel_size: int,
        stddev: float = 0.0,
        activation: Activation | None = None,
        seed: int | None = None,
        dtype: tf.DType | str = tf.float32,
        compute_dtype: tf.DType | str | None = None,
        weights: ConvWeights | None = None,
        name: str = "scaled_conv2d",
    ):
        super().__init__(name=name)
        self.in_channels = check_positive_integer("in_channels", in_channels, name)
        self.filters = check_positive_integer("filters", filters, name)
        self.kernel_size = check_positive_integer("kernel_size", kernel_size, name)
        self.activation = activation
        self.compute_dtype = tf.as_dtype(compute_dtype or dtype)
        if weights is None:
            values = initial_weights(
                self.in_channels, self.filters, self.kernel_size, stddev, check_seed(seed, name)
            )
            weights = as_variables(values, dtype)
        self.kernel, self.b, self.logs = weights

    @property
    def weights(self) -> ConvWeights:
        """kernel, b and logs."""
        return ConvWeights(self.kernel, self.b, self.logs)

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Its variables by name."""
        return {name: v for name, v in self.weights._asdict().items() if isinstance(v, tf.Variable)}

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """y, `[B, H, W, filters]`."""
        return self._apply(x, self.activation)

    def pre_activation(self, x: tf.Tensor) -> tf.Tensor:
        """The input of the activation, `[B, H, W, filters]`."""
        return self._apply(x, None)

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Sets b and logs so that before the activation each channel has mean 0, variance 1 on `x`.

        Returns the module's output on `x`, `[B, H, W, filters]`.
        """
        x = checked_input(self, x)
        check_rows(x, self.name)
        self.assign_scale(initialized(self.weights, x))
        return self(x)

    def assign_scale(self, values: ConvWeights) -> None:
        """Takes b and logs of `values`, such as `initialized` returns."""
        self.b.assign(values.b)
        self.logs.assign(values.logs)

    def _apply(self, x, activation):
        self._ask_keras()
        x = checked_input(self, x)
        height, width = shapes.shape_list(x)[1:3]
        folded = fold(self.weights, height, width, x.dtype)
        return shapes.with_rows(lambda x: apply(folded, x, activation), x)


def checked_input(module: Any, x: tf.Tensor) -> tf.Tensor:
    """`x` in the module's compute dtype.

    Raises:
      ValueError: If it has another number of channels than the module was built for.
    """
    x = tf.cast(x, module.compute_dtype)
    if x.shape[-1] not in (None, module.in_channels):
        # TensorFlow would take twice the channels for a convolution in two groups.
        raise ValueError(
            f"{module.name} was built for in_channels = {module.in_channels}, got an input with "
            f"{x.shape[-1]}."
        )
    return tf.ensure_shape(x, [None, None, None, module.in_channels])


def initial_weights(
    in_channels: int, filters: int, kernel_size: int, stddev: float, seed: int | None
) -> ConvWeights:
    """A kernel of N(0, stddev²), and zeros, as float32 arrays."""
    shape = [kernel_size, kernel_size, in_channels + int(kernel_size > 1), filters]
    if stddev:
        kernel = stddev * np.random.default_rng(seed).standard_normal(shape, np.float32)
    else:
        kernel = np.zeros(shape, np.float32)
    return ConvWeights(kernel, np.zeros([filters], np.float32), np.zeros([filters], np.float32))


def as_variables(values: ConvWeights, dtype: tf.DType | str) -> ConvWeights:
    """Arrays as variables that start with their values."""
    return ConvWeights(
        *(tf.Variable(value, dtype=dtype, name=name) for name, value in values._asdict().items())
    )


def initialized(weights: ConvWeights, x: tf.Tensor) -> ConvWeights:
    """`weights` with the b and logs for which the convolution of `x` has mean 0 and variance 1."""
    height, width = shapes.shape_list(x)[1:3]
    b, logs = tf.zeros_like(weights.b), tf.zeros_like(weights.logs)
    plain = fold(ConvWeights(weights.kernel, b, logs), height, width, x.dtype)
    # Statistics in the variables' precision, also where the activations have less.
    y = tf.cast(apply(plain, x), logs.dtype)
    return ConvWeights(weights.kernel, *data_dependent_shift_and_log_scale(y))


# From few channels and filters on, a convolution is faster as a product of patches. Measured on
# CPUs: with its gradients, where the patches are at most twice what comes out; without gradients,
# as in a model that is served, only for many filters.
_PATCHES_PER_FILTER = 2
_MANY_FILTERS = 256


def fold(
    weights: ConvWeights,
    height: int | tf.Tensor,
    width: int | tf.Tensor,
    dtype: tf.DType,
    with_gradients: bool = True,
) -> FoldedConv:
    """Folds the scale, and what the edge of images of `[height, width]` adds, into the weights.

    Scaling the kernel gives the same as scaling the activations, which are far larger. The edge of
    the image is seen in one of three ways, told apart by the folded kernel's shape:

    - `[k·k·(C + 1), filters]`: the input's windows, with the edge channel, are laid out, and the
      convolution is one matrix product;
    - `[k, k, C + 1, filters]`: the input gets another channel, 1 inside the image, which SAME
      padding makes 0 outside: e · edge = Σ e − e · (1 − edge), and the bias takes Σ e;
    - `[k, k, C, filters]`: the bias is a map, `[1, H, W, filters]`, which is cheaper where the
      input has many channels.

    Args:
      weights: The module's weights.
      height: H of the images.
      width: W of the images.
      dtype: Dtype of the convolution.
      with_gradients: Whether gradients will be taken: other ways are then the fastest.
    """
    scale = tf.exp(log_scale(weights.logs))
    kernel, bias = weights.kernel * scale, weights.b * scale
    size, _, channels, filters = kernel.shape
    patch_size = size * size * channels
    as_patches = patch_size <= _PATCHES_PER_FILTER * filters
    if not with_gradients:
        as_patches &= filters >= _MANY_FILTERS
    if size == 1 or as_patches:
        kernel = tf.reshape(kernel, [patch_size, filters])
    else:
        kernel, edge = split_edge_kernel(kernel)
        if 2 * (channels - 1) < filters:
            kernel = join_edge_kernel(kernel, -edge)
            bias += tf.reduce_sum(edge, axis=[0, 1, 2])
        else:
            bias += edge_response(edge, height, width)  # [1, H, W, filters]
    return FoldedConv(tf.cast(kernel, dtype), tf.cast(bias, dtype))


def apply(
    folded: FoldedConv,
    x: tf.Tensor,
    activation: Activation | None = None,
    trainable: bool = True,
    convolve: Convolution | None = None,
) -> tf.Tensor:
    """The convolution of `x`, `[B, H, W, C] → [B, H, W, filters]`.

    Args:
      folded: What `fold` returned.
      x: The input, in the dtype of `folded`.
      activation: What follows; None for nothing.
      trainable: Whether to use the operations whose gradients are fast; an export needs none.
      convolve: The SAME convolution of images with a kernel, where it is no matrix product; None
        for what suits `trainable`.
    """
    kernel, bias = folded
    channels = x.shape[-1]
    if kernel.shape.rank == 2:
        if kernel.shape[0] != channels:
            size = math.isqrt(kernel.shape[0] // (channels + 1))
            x = edge_patches(x, size) if trainable else plain_edge_patches(x, size)
        linear = pixelwise.trainable_linear if trainable else pixelwise.linear
        return linear(x, kernel, bias, activation)
    if kernel.shape[2] == channels + 1:
        x = append_inside_channel(x) if trainable else plain_inside_channel(x)  # [B, H, W, C + 1]
    if convolve is None:
        convolve = trainable_convolution if trainable else plain_convolution
    y = convolve(x, kernel)
    y = tf.nn.bias_add(y, bias) if bias.shape.rank == 1 else y + bias
    return y if activation is None else activation(y)
