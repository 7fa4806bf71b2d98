"""The coupling network of the official code (section 3.3 and appendix B)."""

from typing import NamedTuple

import tensorflow as tf

from tfglow.checks import check_positive_integer, check_rows, check_seed
from tfglow.keras_calls import RunByKeras
from tfglow.networks import scaled_conv2d
from tfglow.networks.scaled_conv2d import ConvWeights, FoldedConv, ScaledConv2D
from tfglow.ops import shapes
from tfglow.ops.convolution import Convolution

# Standard deviation of the hidden kernels' initial weights.
_STDDEV = 0.05


class NetworkWeights(NamedTuple):
    """The weights of a `CouplingNetwork`."""

    conv_1: ConvWeights
    conv_2: ConvWeights
    conv_last: ConvWeights


class FoldedNetwork(NamedTuple):
    """The weights of a `CouplingNetwork`, folded for images of one size; see `fold`."""

    conv_1: FoldedConv
    conv_2: FoldedConv
    conv_last: FoldedConv


class CouplingNetwork(RunByKeras, tf.Module):
    """3×3 conv → ReLU → 1×1 conv → ReLU → zero-initialised 3×3 conv.

    `[B, H, W, in_channels] → [B, H, W, out_channels]`; it starts at zero, so that a coupling
    starts as (nearly) the identity. Hidden kernels start at N(0, 0.05²).

    Args:
      in_channels: Channels of the input.
      out_channels: Channels of the output.
      width: Channels of the hidden layers.
      seed: Seed of the initial kernels; None draws one.
      dtype: Dtype of the weights.
      compute_dtype: Dtype of the convolutions and of the output; None for `dtype`.
      weights: The weights to compute with; None makes variables.
      name: Name of the module.

    Raises:
      ValueError: If a channel count is not a positive integer, or a batch to initialise on
        has no rows.

    Example:
      >>> network = tfglow.networks.CouplingNetwork(6, 12, width=32, seed=0)
      >>> network(tf.ones([1, 8, 8, 6])).shape
      TensorShape([1, 8, 8, 12])
      >>> float(tf.reduce_max(tf.abs(network(tf.ones([1, 8, 8, 6])))))
      0.0
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int,
        seed: int | None = None,
        dtype: tf.DType | str = tf.float32,
        compute_dtype: tf.DType | str | None = None,
        weights: NetworkWeights | None = None,
        name: str = "coupling_network",
    ):
        super().__init__(name=name)
        self.in_channels = check_positive_integer("in_channels", in_channels)
        self.out_channels = check_positive_integer("out_channels", out_channels)
        self.width = check_positive_integer("width", width)
        self.compute_dtype = tf.as_dtype(compute_dtype or dtype)
        seed = check_seed(seed, name)
        if weights is None:
            initial = initial_weights(self.in_channels, self.out_channels, self.width, seed)
            weights = NetworkWeights(*(scaled_conv2d.as_variables(c, dtype) for c in initial))
        common = {"dtype": dtype, "compute_dtype": self.compute_dtype}
        hidden = {"activation": tf.nn.relu, **common}
        self.conv_1 = ScaledConv2D(
            self.in_channels, self.width, 3, weights=weights.conv_1, name="conv_1", **hidden
        )
        self.conv_2 = ScaledConv2D(
            self.width, self.width, 1, weights=weights.conv_2, name="conv_2", **hidden
        )
        self.conv_last = ScaledConv2D(
            self.width, self.out_channels, 3, weights=weights.conv_last, name="conv_last", **common
        )

    @property
    def weights(self) -> NetworkWeights:
        """The weights of the three convolutions."""
        return NetworkWeights(self.conv_1.weights, self.conv_2.weights, self.conv_last.weights)

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Its variables by layer and name: `conv_1/kernel`."""
        layers = {"conv_1": self.conv_1, "conv_2": self.conv_2, "conv_last": self.conv_last}
        return {
            f"{layer_name}/{name}": variable
            for layer_name, layer in layers.items()
            for name, variable in layer.named_variables.items()
        }

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The parameters of a coupling, `[B, H, W, out_channels]`."""
        self._ask_keras()
        x = scaled_conv2d.checked_input(self, x)
        height, width = shapes.shape_list(x)[1:3]
        folded = fold(self.weights, height, width, self.compute_dtype)
        return shapes.with_rows(lambda x: apply(folded, x), x)

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Normalises the hidden layers on a batch and returns the output on it."""
        x = scaled_conv2d.checked_input(self, x)
        check_rows(x, self.name)
        values = initialized(self.weights, x)
        self.conv_1.assign_scale(values.conv_1)
        self.conv_2.assign_scale(values.conv_2)
        return self(x)


def initial_weights(
    in_channels: int, out_channels: int, width: int, seed: int | None
) -> NetworkWeights:
    """The weights that a `CouplingNetwork` of this seed starts with, as float32 arrays."""
    # A seed for each hidden kernel: different ones, fixed by one.
    first, second = (None, None) if seed is None else (2 * seed, 2 * seed + 1)
    return NetworkWeights(
        scaled_conv2d.initial_weights(in_channels, width, 3, _STDDEV, first),
        scaled_conv2d.initial_weights(width, width, 1, _STDDEV, second),
        scaled_conv2d.initial_weights(width, out_channels, 3, 0.0, None),
    )


def initialized(weights: NetworkWeights, x: tf.Tensor) -> NetworkWeights:
    """`weights` with the hidden layers normalised on the batch `x`, `[B, H, W, in_channels]`."""
    height, width = shapes.shape_list(x)[1:3]

    def run(conv, x):
        folded = scaled_conv2d.fold(conv, height, width, x.dtype)
        return scaled_conv2d.apply(folded, x, tf.nn.relu)

    conv_1 = scaled_conv2d.initialized(weights.conv_1, x)
    conv_2 = scaled_conv2d.initialized(weights.conv_2, run(conv_1, x))
    return NetworkWeights(conv_1, conv_2, weights.conv_last)


def fold(
    weights: NetworkWeights,
    height: int | tf.Tensor,
    width: int | tf.Tensor,
    dtype: tf.DType,
    with_gradients: bool = True,
) -> FoldedNetwork:
    """The folded weights of all three convolutions; see `scaled_conv2d.fold`."""
    return FoldedNetwork(
        *(scaled_conv2d.fold(conv, height, width, dtype, with_gradients) for conv in weights)
    )


def apply(
    folded: FoldedNetwork,
    x: tf.Tensor,
    trainable: bool = True,
    convolve: Convolution | None = None,
) -> tf.Tensor:
    """The network, `[B, H, W, in_channels] → [B, H, W, out_channels]`, in the dtype of `folded`.

    `trainable` and `convolve` are as for `scaled_conv2d.apply`.
    """
    h = tf.cast(x, folded.conv_1.kernel.dtype)
    h = scaled_conv2d.apply(folded.conv_1, h, tf.nn.relu, trainable, convolve)  # [B, H, W, width]
    h = scaled_conv2d.apply(folded.conv_2, h, tf.nn.relu, trainable, convolve)
    # [B, H, W, out_channels]
    return scaled_conv2d.apply(folded.conv_last, h, None, trainable, convolve)
