"""The arithmetic's own limit: a matrix product of as many multiplications as a Glow's."""

import tensorflow as tf

from benchmarks.contestants.contestant import Contestant, Size

# Large enough for the processor's best speed.
_INNER = 2048


class MatrixProduct(Contestant):
    """One large matrix product that multiplies as often as every convolution together.

    A library's convolutions are no faster, unless they find a way to multiply less (as Winograd's
    does; none is used here). Training multiplies three times as often as a likelihood: the output,
    the gradient of the input and that of the kernel.

    Args:
      size: Of the Glow.
      dtype: "float32" or "bfloat16".
    """

    def __init__(self, size: Size, dtype: str = "float32"):
        self._rows = round(multiplications(size) / _INNER**2)
        self._dtype = dtype

    def train(self):
        run = self._product(3 * self._rows)
        return lambda: float(run())

    def log_prob(self):
        return self._product(self._rows)

    def sample(self):
        return self.log_prob()

    def _product(self, rows):
        def draw(*shape):
            return tf.cast(tf.random.normal(shape), self._dtype)

        a, b = draw(rows, _INNER), draw(_INNER, _INNER)
        product = tf.function(tf.matmul, autograph=False)
        return lambda: product(a, b)[0, 0].numpy()


def multiplications(size: Size) -> int:
    """Of the coupling networks' and splits' convolutions for one batch, forward."""
    height, width, channels = size.image_shape
    total = 0
    for level in range(size.levels):
        channels *= 4
        height, width = height // 2, width // 2
        half = channels // 2
        network = 9 * half * size.width + size.width**2 + 9 * size.width * channels
        is_last = level == size.levels - 1
        split = 0 if is_last else 9 * half * channels
        total += height * width * (size.steps * network + split)
        channels = half
    return size.batch_size * total
