"""TensorFlow Probability's Glow, `tfb.Glow`."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from benchmarks.peers.contestant import LEARNING_RATE, Contestant, count_operations
from benchmarks.sizes import Size

tfb = tfp.bijectors
tfd = tfp.distributions


class TfbGlow(Contestant):
    """`tfb.Glow` with its own default networks, at the size's width, in `tf.function`.

    Args:
      size: The model, and the images of a step.
      jit_compile: Whether XLA compiles.
    """

    def __init__(self, size: Size, jit_compile: bool = False):
        def network(input_shape):
            return tfb.GlowDefaultNetwork(input_shape, num_hidden=size.width)

        self._size = size
        self._jit_compile = jit_compile
        self._flow = tfb.Glow(
            output_shape=size.image_shape,
            num_glow_blocks=size.levels,
            num_steps_per_block=size.steps,
            coupling_bijector_fn=network,
            exit_bijector_fn=tfb.GlowDefaultExitNetwork,
        )
        num_dims = self._flow.inverse_event_shape(size.image_shape)
        self._distribution = tfd.TransformedDistribution(
            tfd.Sample(tfd.Normal(0.0, 1.0), num_dims), self._flow
        )
        shape = [size.batch_size, *size.image_shape]
        self._x = tf.random.stateless_uniform(shape, [0, 0], -0.5, 0.5)
        self._optimizer = tf_keras.optimizers.Adamax(LEARNING_RATE)
        self._step = self._function(self._train_step)

    def train(self) -> Callable[[], float]:
        return lambda: float(self._step(self._x))

    def log_prob(self) -> Callable[[], object]:
        log_prob = self._function(self._distribution.log_prob)
        return lambda: log_prob(self._x).numpy()

    def sample(self) -> Callable[[], object]:
        sample = self._function(lambda: self._distribution.sample(self._size.batch_size))
        return lambda: sample().numpy()

    def graph_operations(self) -> int:
        return count_operations(self._step, self._x)

    def _function(self, function):
        return tf.function(function, autograph=False, jit_compile=self._jit_compile)

    def _train_step(self, x):
        variables = self._flow.trainable_variables
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(self._distribution.log_prob(x))
        gradients = tape.gradient(loss, variables)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss
