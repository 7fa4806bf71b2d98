"""A small quadratic, f(w) = Σ aᵢ·wᵢ², to try optimizers on."""

import keras
import numpy as np
import tensorflow as tf

START = np.array([1.0, -2.0, 3.0])
CURVATURE = np.array([1.0, 0.1, 3.0])


def gradient(w):
    return 2 * CURVATURE * w


def minimize(optimizer, num_steps, dtype="float64", jit_compile=False):
    """w after some steps of `optimizer.apply`."""
    w = keras.Variable(START, dtype=dtype)
    optimizer.build([w])

    @tf.function(jit_compile=jit_compile)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.constant(CURVATURE, dtype) * w.value**2)
        optimizer.apply_gradients([(tape.gradient(loss, w.value), w)])

    for _ in range(num_steps):
        step()
    return w.numpy()
