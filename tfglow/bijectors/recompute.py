"""Gradients that compute a function again."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def recomputed(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`function` with a gradient that computes it again, from its inputs.

    Args:
      function: A function of structures of tensors and, last, of a value that is no tensor. It
        returns tensors, or None.
      **options: Arguments of `tf.function` for the forward pass.
    """

    def flat(like, dtype, *inputs):
        outputs = function(*tf.nest.pack_sequence_as(like, inputs), dtype)
        return [output for output in outputs if output is not None]

    forward = tf.function(flat, autograph=False, **options)

    # Not inlined: the graph optimizer would find the forward pass's operations in it again, and
    # keep what it is to forget. Nor does it start before the gradient that it needs is there.
    @tf.function(autograph=False, experimental_attributes={"_noinline": True})
    def gradients(like, dtype, inputs, upstream):
        x, *weights = inputs
        # XLA inlines it all the same: so that it does not merge the two passes, the input is made
        # to depend on the gradient. (NaN is not 0, and 0·x would be optimized away.)
        anchor = tf.reshape(upstream[0], [-1])[0]
        x += tf.where(tf.equal(anchor, anchor), tf.zeros_like(anchor), anchor)
        inputs = [x, *weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            outputs = flat(like, dtype, *inputs)
        return tape.gradient(
            outputs, inputs, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    def run(*arguments):
        *structures, dtype = arguments
        # The structure alone, which is what a trace depends on besides the inputs' shapes.
        like = tf.nest.map_structure(lambda _: 0, structures)

        @tf.custom_gradient
        def call(*inputs):
            outputs = forward(like, dtype, *inputs)
            return outputs, lambda *upstream: gradients(like, dtype, list(inputs), list(upstream))

        outputs = call(*tf.nest.flatten(structures))
        return outputs if len(outputs) > 1 else (outputs[0], None)

    return run
