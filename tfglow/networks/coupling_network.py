"""The coupling network of the official code, as Keras layers (section 3.3 and appendix B)."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfglow.ops import pixelwise
from tfglow.ops.edge_channel import edge_patches, edge_response, split_edge_kernel

# The exponent's factor in exp(3·logs), so that scales learn faster than weights do.
LOG_SCALE_FACTOR = 3.0


@keras.saving.register_keras_serializable(package="tfglow")
class ScaledConv2D(keras.layers.Layer):
    """A convolution whose output channels are shifted and scaled, and an activation.

    y = activation((conv(x) + b) · exp(3·logs)), padding SAME,
    `[B, H, W, in_channels] → [B, H, W, filters]`.

    This is both of the official code's convolutions: with `initialize` called on a batch it is a
    convolution followed by ActNorm, with `kernel_initializer="zeros"` the zero-initialised one.
    A kernel larger than 1×1 has one more input channel, last, that is 1 in the padding and 0
    inside the image, so that the network sees the image's edge.
    """

    def __init__(
        self,
        in_channels: int,
        filters: int,
        kernel_size: int,
        kernel_initializer: str | keras.initializers.Initializer = "zeros",
        activation: str | Callable[[tf.Tensor], tf.Tensor] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.in_channels = in_channels
        self.filters = filters
        self.kernel_size = kernel_size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.activation = keras.activations.get(activation)
        edge_channels = int(kernel_size > 1)
        # autocast=False: the scale is applied to the kernel in the variables' precision.
        self.kernel = self.add_weight(
            (kernel_size, kernel_size, in_channels + edge_channels, filters),
            initializer=self.kernel_initializer,
            autocast=False,
            name="kernel",
        )
        self.b = self.add_weight((filters,), initializer="zeros", autocast=False, name="b")
        self.logs = self.add_weight((filters,), initializer="zeros", autocast=False, name="logs")
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self._convolve(x, self.activation)

    def pre_activation(self, x: tf.Tensor) -> tf.Tensor:
        """What the activation gets, `[B, H, W, filters]`."""
        return self._convolve(x, keras.activations.linear)

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Sets b and logs so that before the activation each channel has mean 0, variance 1 on `x`.

        Returns the layer's output on `x`, `[B, H, W, filters]`.
        """
        self.b.assign(tf.zeros_like(self.b))
        self.logs.assign(tf.zeros_like(self.logs))
        # Statistics in the variables' precision, also where the activations have less.
        y = tf.cast(self.pre_activation(x), self.variable_dtype)
        b, logs = data_dependent_shift_and_log_scale(y)
        self.b.assign(b)
        self.logs.assign(logs)
        return self(x)

    def _convolve(self, x, activation):
        if x.shape[-1] not in (None, self.in_channels):
            # TensorFlow would take twice the channels for a convolution in two groups.
            raise ValueError(
                f"{self.name} was built for in_channels = {self.in_channels}, got an input with "
                f"{x.shape[-1]}."
            )
        x = tf.cast(x, self.compute_dtype)
        x = tf.ensure_shape(x, [None, None, None, self.in_channels])
        # Scaling the kernel instead of the activations does the same to a far smaller tensor.
        scale = tf.exp(LOG_SCALE_FACTOR * self.logs)
        kernel, bias = self.kernel * scale, self.b * scale
        # As a product of patches, unless these would be far larger than what comes out.
        patch_size = self.kernel_size**2 * self.kernel.shape[2]
        if self.kernel_size == 1 or patch_size <= 2 * self.filters:
            if self.kernel_size > 1:
                x = edge_patches(x, self.kernel_size)  # [B, H, W, patch_size]
            kernel = tf.reshape(kernel, [patch_size, self.filters])
            kernel, bias = tf.cast(kernel, x.dtype), tf.cast(bias, x.dtype)
            return pixelwise.trainable_linear(x, kernel, bias, activation)
        # Where the input is large, what the edge adds is cheaper to add to the output.
        kernel, edge_kernel = split_edge_kernel(kernel)
        bias += edge_response(edge_kernel, x)  # [1, H, W, filters]
        y = tf.nn.conv2d(x, tf.cast(kernel, x.dtype), strides=1, padding="SAME")
        return activation(y + tf.cast(bias, x.dtype))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "in_channels": self.in_channels,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "activation": keras.activations.serialize(self.activation),
        }


@keras.saving.register_keras_serializable(package="tfglow")
class CouplingNetwork(keras.layers.Layer):
    """3×3 conv → ReLU → 1×1 conv → ReLU → zero-initialised 3×3 conv.

    `[B, H, W, in_channels] → [B, H, W, out_channels]`; it starts at zero, so that a coupling
    starts as (nearly) the identity. Hidden kernels start at N(0, 0.05²).

    Raises:
      ValueError: If a channel count is not positive.
    """

    def __init__(
        self, in_channels: int, out_channels: int, width: int, seed: int | None = None, **kwargs
    ):
        super().__init__(**kwargs)
        counts = {"in_channels": in_channels, "out_channels": out_channels, "width": width}
        for name, count in counts.items():
            if not isinstance(count, int) or count < 1:
                raise ValueError(f"`{name}` must be a positive integer, got {count!r}.")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.width = width
        self.seed = seed
        first, second = _seeds(seed)
        hidden = {"activation": "relu", "dtype": self.dtype_policy}
        self.conv_1 = ScaledConv2D(in_channels, width, 3, first, name="conv_1", **hidden)
        self.conv_2 = ScaledConv2D(width, width, 1, second, name="conv_2", **hidden)
        self.conv_last = ScaledConv2D(
            width, out_channels, 3, dtype=self.dtype_policy, name="conv_last"
        )
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        h = self.conv_1(x)  # [B, H, W, width]
        h = self.conv_2(h)
        return self.conv_last(h)  # [B, H, W, out_channels]

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Normalises the hidden layers on a batch and returns the output on it."""
        h = self.conv_1.initialize(x)
        h = self.conv_2.initialize(h)
        return self.conv_last(h)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "width": self.width,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="tfglow")
class ScaledDense(keras.layers.Layer):
    """A zero-initialised linear map, y = (x W + b) · exp(3·logs), `[B, in] → [B, units]`."""

    def __init__(self, in_channels: int, units: int, **kwargs):
        super().__init__(**kwargs)
        self.in_channels = in_channels
        self.units = units
        self.kernel = self.add_weight((in_channels, units), initializer="zeros", name="kernel")
        self.b = self.add_weight((units,), initializer="zeros", name="b")
        self.logs = self.add_weight((units,), initializer="zeros", name="logs")
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return (tf.matmul(x, self.kernel) + self.b) * tf.exp(LOG_SCALE_FACTOR * self.logs)

    def get_config(self) -> dict:
        config = {"in_channels": self.in_channels, "units": self.units}
        return {**super().get_config(), **config}


def data_dependent_shift_and_log_scale(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """ActNorm's initial (b, logs) for `x` `[..., C]`: (x + b)·exp(3·logs) has mean 0, variance 1.

    b = −mean(x), exp(3·logs) = 1 / (sqrt(mean((x + b)²)) + 1e-6), over all axes but the last.
    """
    axes = list(range(x.shape.rank - 1))
    b = -tf.reduce_mean(x, axes)
    rms = tf.sqrt(tf.reduce_mean(tf.square(x + b), axes))
    return b, -tf.math.log(rms + 1e-6) / LOG_SCALE_FACTOR


def _seeds(seed: int | None) -> list[keras.initializers.Initializer]:
    """N(0, 0.05²) for each hidden kernel; different draws, fixed by one seed."""
    seeds = [None, None] if seed is None else [2 * seed, 2 * seed + 1]
    return [keras.initializers.RandomNormal(stddev=0.05, seed=s) for s in seeds]
