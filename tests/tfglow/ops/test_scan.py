"""A scan is its steps one after the other."""

import numpy as np
import pytest
import tensorflow as tf

from tfglow.ops.scan import scan

NUM_STEPS = 3


def step(x, k, weights):
    """Steps that differ by their place too, and of which a weight is not used."""
    y = tf.tanh(x @ weights["w"] + weights["b"]) + tf.cast(k, x.dtype)
    return y, tf.reduce_sum(y * weights["b"], axis=-1)


def one_by_one(x, total, stacked, reverse):
    places = range(NUM_STEPS)
    for k in reversed(places) if reverse else places:
        x, addend = step(x, k, {name: value[k] for name, value in stacked.items()})
        total += addend
    return x, total


def arguments():
    rng = np.random.default_rng(0)
    shapes = {"w": [NUM_STEPS, 2, 2], "b": [NUM_STEPS, 2], "unused": [NUM_STEPS, 5]}
    stacked = {n: tf.constant(rng.normal(size=s), tf.float64) for n, s in shapes.items()}
    return tf.constant(rng.normal(size=[4, 2])), tf.constant(rng.normal(size=[4])), stacked


def values_and_gradients(run, x, total, stacked):
    with tf.GradientTape() as tape:
        tape.watch([x, total, stacked])
        y, sums = run(x, total, stacked)
        loss = tf.reduce_sum(y**2) + tf.reduce_sum(sums**3)
    zero = tf.UnconnectedGradients.ZERO
    return y, sums, tape.gradient(loss, [x, total, stacked], unconnected_gradients=zero)


def assert_close(actual, expected):
    for a, e in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_values_and_gradients(reverse):
    expected = values_and_gradients(lambda *args: one_by_one(*args, reverse=reverse), *arguments())

    def run(x, total, stacked):
        return values_and_gradients(
            lambda *args: scan(step, *args, reverse=reverse), x, total, stacked
        )

    assert_close(run(*arguments()), expected)
    assert_close(tf.function(run)(*arguments()), expected)
    assert_close(tf.function(run, jit_compile=True)(*arguments()), expected)


def test_gradients_of_gradients():
    def run(many_steps, x, total, stacked):
        with tf.GradientTape() as outer:
            outer.watch([x, stacked])
            with tf.GradientTape() as tape:
                tape.watch(x)
                y, sums = many_steps(x, total, stacked)
                loss = tf.reduce_sum(y**2) + tf.reduce_sum(sums**3)
            squares = tf.reduce_sum(tape.gradient(loss, x) ** 2)
        return outer.gradient(squares, [x, stacked["w"]])

    expected = run(lambda *args: one_by_one(*args, reverse=False), *arguments())
    compiled = tf.function(
        lambda *args: run(lambda *own: scan(step, *own), *args), jit_compile=True
    )
    assert_close(compiled(*arguments()), expected)


def test_xla_knows_how_often_the_loops_run():
    """A GPU would else be asked after every step whether there is another."""
    compiled = tf.function(
        lambda *args: values_and_gradients(lambda *own: scan(step, *own), *args),
        jit_compile=True,
    )
    text = compiled.experimental_get_compiler_ir(*arguments())(stage="optimized_hlo")
    assert text.count(" while(") == 2
    assert text.count(f'"known_trip_count":{{"n":"{NUM_STEPS}"}}') == 2


def test_any_number_of_rows():
    x, total, stacked = arguments()
    rows = tf.TensorSpec([None, 2], tf.float64), tf.TensorSpec([None], tf.float64)
    run = tf.function(lambda x, total: scan(step, x, total, stacked), input_signature=rows)
    for n in (1, 4):
        expected = one_by_one(x[:n], total[:n], stacked, False)
        assert_close(run(x[:n], total[:n]), expected)


def test_a_step_that_was_traced_for_any_number_of_rows():
    x, total, stacked = arguments()
    traced = tf.function(
        lambda x, k, w, b: step(x, k, {"w": w, "b": b}),
        input_signature=[
            tf.TensorSpec([None, 2], tf.float64),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([2, 2], tf.float64),
            tf.TensorSpec([2], tf.float64),
        ],
    )

    def of_any_rows(x, k, weights):
        return traced(x, k, weights["w"], weights["b"])

    x, total = x[:1], total[:1]
    run = tf.function(lambda x, total: scan(of_any_rows, x, total, stacked))
    assert run.get_concrete_function(x, total).structured_outputs[0].shape == [1, 2]
    assert_close(run(x, total), one_by_one(x, total, stacked, False))


def test_keeps_the_steps_inputs_alone():
    """Two loops, of which the first hands the second one tensor a step, and no TensorArray."""
    x, total, stacked = arguments()
    run = tf.function(lambda *args: values_and_gradients(lambda *own: scan(step, *own), *args))
    graph = run.get_concrete_function(x, total, stacked).graph
    loops = [op for op in graph.get_operations() if op.type in ("While", "StatelessWhile")]
    assert len(loops) == 2
    kept = [t for t in loops[1].inputs if t.shape == [NUM_STEPS, *x.shape]]
    assert len(kept) == 1
