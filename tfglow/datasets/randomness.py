"""Random numbers that depend only on the seed, the epoch and an element's place in the epoch.

Nothing here has a state: what an element gets is the same whatever came before it, however the
epoch is divided among workers, and wherever a run was resumed.
"""

import enum

import numpy as np
import tensorflow as tf

# Named, so that every kind of device draws the same numbers.
_GENERATOR = "philox"


class Stream(enum.IntEnum):
    """What random numbers are drawn for. Each use has its own stream, independent of the rest."""

    ORDER = 0
    NOISE = 1
    AUGMENTATION = 2  # and random crops


def stream_key(seed: int, epoch: int, stream: Stream) -> int:
    """A 63-bit key for one stream of one epoch."""
    state = np.random.SeedSequence(seed, spawn_key=(epoch, stream)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def permutation(size: int, key: int) -> np.ndarray:
    """A random order of `range(size)`, int64 [size].

    The numbers are sorted by random keys from a bit generator, whose stream NumPy keeps from
    version to version; it does not promise that for `Generator.permutation` (NEP 19).
    """
    return np.argsort(np.random.PCG64(key).random_raw(size), kind="stable")


def uniform_table(key: int, size: int, width: int) -> tf.Tensor:
    """`width` draws from U[0, 1) for each of the places 0, ..., size - 1: float32 [size, width].

    For the few numbers that an image's augmentation takes, looking them up is several times
    cheaper than drawing them one image at a time.
    """
    with tf.device("CPU:0"):  # where the pipelines look them up
        return tf.random.stateless_uniform((size, width), seed=(key, 0), alg=_GENERATOR)


def uniform_noise(key: int, positions: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """For each element its own noise, U[0, 1).

    Args:
      key: The stream's key, from `stream_key`.
      positions: Places in the epoch's order, int64 [B].
      shape: Shape of one element's noise.

    Returns:
      float32 [B, *shape].
    """
    return _uniform_noise(tf.constant(key, tf.int64), positions, tuple(shape))


# Traced once for all epochs: that is most of what it takes to set up an epoch's pipeline.
@tf.function(autograph=False)
def _uniform_noise(key: tf.Tensor, positions: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    def draw(position: tf.Tensor) -> tf.Tensor:
        seed = tf.stack([key, position])
        return tf.random.stateless_uniform(shape, seed=seed, alg=_GENERATOR)

    return tf.map_fn(draw, positions, fn_output_signature=tf.TensorSpec(shape, tf.float32))
