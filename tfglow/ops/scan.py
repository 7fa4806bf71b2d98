"""Steps in a row as one loop, of which a compiler sees one step."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# step(x, k, weights of step k) -> (x, what it adds to the total).
Step = Callable[[tf.Tensor, tf.Tensor, Any], tuple[tf.Tensor, tf.Tensor]]


def scan(
    step: Step, x: tf.Tensor, total: tf.Tensor, stacked: Any, reverse: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """K steps as a loop over their stacked weights.

        x, addend ← step(x, k, stacked[k]),  total ← total + addend,  k = 0 … K − 1

    The gradient is a loop too, from the last step back. It computes each step again, from its
    input, which is all that is kept: so the program of both loops is as large for any K, where
    TensorFlow's own gradient of a loop would keep every tensor inside, and add up gradients of all
    K steps in every step.

    Args:
      step: A function of its arguments alone: what else it uses gets no gradient.
      x: The first step's input; every step's output has its shape and dtype.
      total: What is added to, of the addends' shape and dtype.
      stacked: A structure of floating tensors `[K, ...]`.
      reverse: Whether to go from k = K − 1 to 0.

    Returns:
      The last step's output, and the total.
    """
    weights = [tf.convert_to_tensor(value) for value in tf.nest.flatten(stacked)]
    num_steps = weights[0].shape[0]

    def place(i):
        return num_steps - 1 - i if reverse else i

    def run_step(x, k, step_weights):
        return step(x, k, tf.nest.pack_sequence_as(stacked, step_weights))

    @tf.custom_gradient
    def run(x, total, *weights):
        def forward(i, x, total, inputs):
            inputs = inputs.write(i, x)
            k = place(i)
            y, addend = run_step(x, k, [tf.gather(w, k) for w in weights])
            return i + 1, _shaped(y, x), _shaped(total + addend, total), inputs

        inputs = tf.TensorArray(x.dtype, num_steps, element_shape=x.shape)
        _, y, total, inputs = _repeat(num_steps, forward, (0, x, total, inputs))
        kept = inputs.stack()  # [K, *x.shape]

        def gradient(of_y, of_total):
            def backward(i, of_x, gradients):
                nth = num_steps - 1 - i
                k = place(nth)
                arguments = tf.gather(kept, nth), [tf.gather(w, k) for w in weights]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(arguments)
                    outputs = run_step(arguments[0], k, arguments[1])
                of_input, of_weights = tape.gradient(
                    outputs,
                    arguments,
                    (of_x, of_total),
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                written = [
                    g.write(k, value) for g, value in zip(gradients, of_weights, strict=True)
                ]
                return i + 1, _shaped(of_input, of_x), written

            gradients = [
                tf.TensorArray(w.dtype, num_steps, element_shape=w.shape[1:]) for w in weights
            ]
            _, of_x, gradients = _repeat(num_steps, backward, (0, of_y, gradients))
            return of_x, of_total, *(g.stack() for g in gradients)

        return (y, total), gradient

    return run(x, total, *weights)


def _repeat(times, body, loop_vars):
    """`body` so many times.

    The loop has no condition but its number of iterations. With another one XLA would not know how
    often it runs; without that number it could compile no gradient of the gradient.
    """
    return tf.while_loop(lambda *_: True, body, loop_vars, maximum_iterations=times)


def _shaped(value, like):
    """`value` with the static shape of `like`: a traced step may know less of it."""
    value.set_shape(like.shape)
    return value
