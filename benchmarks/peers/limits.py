"""What no Glow can do without: its convolutions, and the multiplications in them."""

from collections.abc import Callable

import tensorflow as tf

from benchmarks.peers.contestant import Contestant, count_operations
from benchmarks.sizes import Size

# Of the matrix product; large enough for the processor's best speed.
_INNER = 2048


class Convolutions(Contestant):
    """Every convolution of the size's Glow, one after the other, with nothing around them.

    No ReLU, no bias, no ActNorm, no 1×1 convolution of the channels, no coupling, no optimizer:
    a network's output is cut to the channels that the next one takes. Training computes the
    gradients of every kernel and of the input of every convolution, as a flow's must. There are
    no weights but the kernels, already in the precision of the arithmetic.

    Args:
      size: The Glow whose convolutions these are, and their batch.
      dtype: The arithmetic's, "float32" or "bfloat16".
    """

    def __init__(self, size: Size, dtype: str = "float32"):
        height, width, channels = size.image_shape
        self._kernels = []
        for level in range(size.levels):
            channels *= 4
            height, width = height // 2, width // 2
            shapes = [
                (3, 3, channels // 2, size.width),
                (1, 1, size.width, size.width),
                (3, 3, size.width, channels),
            ]
            networks = [[_kernel(shape, dtype) for shape in shapes] for _ in range(size.steps)]
            is_last = level == size.levels - 1
            split = None if is_last else _kernel((3, 3, channels // 2, channels), dtype)
            self._kernels.append((networks, split))
            channels //= 1 if is_last else 2
        shape = [size.batch_size, *size.image_shape]
        self._x = tf.cast(tf.random.stateless_normal(shape, [0, 0]), dtype)
        self._backward = tf.function(self._gradients, autograph=False)
        self._forward = tf.function(self._outputs, autograph=False)

    def train(self) -> Callable[[], float]:
        def step():
            loss, _ = self._backward(self._x)
            return float(loss)

        return step

    def log_prob(self) -> Callable[[], object]:
        return lambda: self._forward(self._x).numpy()

    def sample(self) -> Callable[[], object]:
        return self.log_prob()  # The same convolutions run in both directions.

    def graph_operations(self) -> int:
        return count_operations(self._backward, self._x)

    def _outputs(self, x):
        """All of the last network's outputs, summed, with a little of every split's."""
        total = tf.zeros([], x.dtype)
        for networks, split in self._kernels:
            x = tf.nn.space_to_depth(x, 2)
            for kernels in networks:
                half = x[..., : kernels[0].shape[2]]
                for kernel in kernels:
                    half = tf.nn.conv2d(half, kernel, strides=1, padding="SAME")
                x = half
            if split is not None:
                x = x[..., : split.shape[2]]
                total += tf.reduce_sum(tf.nn.conv2d(x, split, strides=1, padding="SAME"))
        return total + tf.reduce_sum(x)

    def _gradients(self, x):
        kernels = [v for networks, _ in self._kernels for network in networks for v in network]
        kernels += [split for _, split in self._kernels if split is not None]
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = self._outputs(x)
        # Returned, so that none is left out.
        return total, tape.gradient(total, [x, *kernels])


class MatrixProduct(Contestant):
    """One large matrix product that multiplies as often as every convolution together.

    A library's convolutions are no faster, unless they find a way to multiply less (as Winograd's
    does; none is used here). Training multiplies three times as often as a likelihood: the output,
    the gradient of the input and that of the kernel.

    Args:
      size: The Glow whose multiplications are counted, and their batch.
      dtype: The arithmetic's, "float32" or "bfloat16".
    """

    def __init__(self, size: Size, dtype: str = "float32"):
        self._rows = round(size.multiplications / _INNER**2)
        self._dtype = dtype

    def train(self) -> Callable[[], float]:
        run = self._product(3 * self._rows)
        return lambda: float(run())

    def log_prob(self) -> Callable[[], object]:
        return self._product(self._rows)

    def sample(self) -> Callable[[], object]:
        return self.log_prob()

    def _product(self, rows):
        def draw(*shape):
            return tf.cast(tf.random.normal(shape), self._dtype)

        a, b = draw(rows, _INNER), draw(_INNER, _INNER)
        product = tf.function(tf.matmul, autograph=False)
        return lambda: product(a, b)[0, 0].numpy()


def _kernel(shape, dtype):
    """Such that outputs are about as large as inputs."""
    deviation = (shape[0] * shape[1] * shape[2]) ** -0.5
    return tf.Variable(tf.cast(tf.random.normal(shape, stddev=deviation), dtype))
