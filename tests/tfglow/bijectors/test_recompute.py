import numpy as np
import tensorflow as tf

from tfglow.bijectors.recompute import recomputed


def function(x, weights, dtype):
    y = tf.cast(tf.tanh(tf.cast(x @ weights["w"], dtype)), x.dtype) + weights["b"]
    return y, tf.reduce_sum(tf.square(x), -1)


def test_values_and_gradients_are_those_of_the_function():
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=[3, 4]))
    weights = {"w": tf.constant(rng.normal(size=[4, 5])), "b": tf.constant(rng.normal(size=[5]))}

    def values_and_gradients(run):
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            y, total = run(x, weights, tf.float64)
            loss = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(total)
        return tf.nest.flatten([y, total, tape.gradient(loss, [x, weights])])

    expected = values_and_gradients(function)
    again = recomputed(function)
    for run in (values_and_gradients, tf.function(values_and_gradients)):
        for ours, theirs in zip(run(again), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_a_result_that_is_none_stays_none():
    x = tf.constant([1.0, 2.0])
    run = recomputed(lambda x, dtype: (2.0 * tf.cast(x, dtype), None))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, nothing = run(x, tf.float32)
    assert nothing is None
    np.testing.assert_array_equal(tape.gradient(y, x), [2.0, 2.0])


def test_an_input_that_the_result_does_not_depend_on_has_the_gradient_0():
    x, unused = tf.constant([1.0, 2.0]), tf.constant([3.0])
    run = recomputed(lambda x, unused, dtype: (2.0 * x, None))
    with tf.GradientTape() as tape:
        tape.watch([x, unused])
        y, _ = run(x, unused, tf.float32)
    np.testing.assert_array_equal(tape.gradient(y, unused), [0.0])
