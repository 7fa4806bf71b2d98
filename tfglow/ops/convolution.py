"""Convolutions, and one whose gradients are convolutions of the same form."""

from collections.abc import Callable

import tensorflow as tf

# convolve(x, kernel), with shapes as below.
Convolution = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def plain_convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The SAME convolution, `[B, H, W, C] * [k, k, C, filters] → [B, H, W, filters]`."""
    return tf.nn.conv2d(x, kernel, strides=1, padding="SAME")


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
