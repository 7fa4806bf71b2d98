"""SAME convolutions, which differ in how their gradients are computed."""

from collections.abc import Callable

import tensorflow as tf

from tfglow.ops import shapes
from tfglow.ops.patches import pad_image, patches

# convolve(x, kernel), with shapes as below.
Convolution = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def plain_convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The SAME convolution, `[B, H, W, C] * [k, k, C, filters] → [B, H, W, filters]`."""
    return tf.nn.conv2d(x, kernel, strides=1, padding="SAME")


def trainable_convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`plain_convolution` whose gradients are matrix products where that is faster.

    With P the windows of the upstream gradient, `[B·H·W, k·k·filters]`: ∂x = P Kᵀ and ∂K = xᵀ P.
    """
    size, _, channels, filters = kernel.shape
    # Where the windows are at most half as wide as x. Measured on CPUs, of 512 channels to 12 and
    # 24 filters: 0.8 of the time of TensorFlow's gradients in bfloat16, 0.9 in float32. There is
    # no gain where they are wider, as in small models.
    if 2 * size * size * filters > channels:
        return plain_convolution(x, kernel)

    @tf.custom_gradient
    def run(x, kernel):
        def gradient(upstream):
            before = (size - 1) // 2
            padded = pad_image(upstream, size - 1 - before, before)
            windows = tf.reshape(patches(padded, size), [-1, size * size * filters])
            # A pixel is seen by the windows around it, by each at the opposite place.
            places = tf.reverse(tf.reshape(kernel, [size * size, channels, filters]), [0])
            by_place = tf.reshape(tf.transpose(places, [0, 2, 1]), [-1, channels])
            of_x = tf.reshape(tf.matmul(windows, by_place), [-1, *shapes.shape_list(x)[1:]])
            rows = tf.reshape(x, [-1, channels])
            of_places = tf.matmul(windows, rows, transpose_a=True)  # [k·k·filters, C]
            of_places = tf.reshape(of_places, [size * size, filters, channels])
            of_kernel = tf.reverse(tf.transpose(of_places, [0, 2, 1]), [0])
            return of_x, tf.reshape(of_kernel, kernel.shape)

        return plain_convolution(x, kernel), gradient

    return run(x, kernel)


def looped_convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`plain_convolution` for the inside of a loop.

    In loops, XLA's compiler for CPUs leaves it to the program in which order the dimensions of a
    convolution are, and has a library for one order alone: gradients as TensorFlow writes them
    have others, and were computed by plain nested loops. Here they are transposed to it. (Where a
    compiler takes any order, as for GPUs, it merges the transpositions into the convolution.)
    """
    size = kernel.shape[0]
    before = (size - 1) // 2
    after = size - 1 - before

    def padded(first, last):
        return [[0, 0], [first, last], [first, last], [0, 0]]

    @tf.custom_gradient
    def run(x, kernel):
        def gradient(upstream):
            flipped = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
            of_x = tf.nn.conv2d(upstream, flipped, 1, padded(after, before))
            # The images are summed over as channels are, and channels stand as images do.
            images = tf.transpose(x, [3, 1, 2, 0])  # [C, H, W, B]
            windows = tf.transpose(upstream, [1, 2, 0, 3])  # [H, W, B, filters]
            of_kernel = tf.nn.conv2d(images, windows, 1, padded(before, after))
            return of_x, tf.transpose(of_kernel, [1, 2, 0, 3])

        return tf.nn.conv2d(x, kernel, 1, padded(before, after)), gradient

    return run(x, kernel)
