"""A level's steps traced once are the steps one after the other."""

import numpy as np
import pytest
import tensorflow as tf

from tfglow.bijectors import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    FlowStep,
    Invertible1x1Conv,
    ReverseChannels,
    ShuffleChannels,
)
from tfglow.bijectors.step_chain import StepChain
from tfglow.networks import CouplingNetwork

CHANNELS = 4
PERMUTATIONS = {
    "lu": lambda k: Invertible1x1Conv(CHANNELS, seed=k),
    "full": lambda k: Invertible1x1Conv(CHANNELS, "full", seed=k),
    "shuffle": lambda k: ShuffleChannels(CHANNELS, seed=k),
    "reverse": lambda k: ReverseChannels(),
}


def make_steps(permutation="lu", coupling=AffineCoupling, num_steps=3):
    """Steps with weights that are all different and not trivial."""
    rng = np.random.default_rng(0)
    steps = []
    for k in range(num_steps):
        network = CouplingNetwork(
            CHANNELS // 2, CHANNELS // 2 * coupling.outputs_per_channel, width=8, seed=k
        )
        steps.append(
            FlowStep(
                ActNorm(CHANNELS), PERMUTATIONS[permutation](k), coupling(network), name=f"step{k}"
            )
        )
        for variable in steps[-1].trainable_variables:
            variable.assign_add(0.1 * rng.normal(size=variable.shape).astype("float32"))
    return steps


def images():
    return tf.constant(np.random.default_rng(1).normal(size=[2, 4, 6, CHANNELS]).astype("float32"))


def values_and_gradients(bijector, x, variables):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, log_det = bijector.forward_and_log_det(x)
        total = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)
    return y, log_det, tape.gradient(total, [x, *variables])


def assert_close(actual, expected, tolerance=2e-5):
    for a, e in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("coupling", [AffineCoupling, AdditiveCoupling])
@pytest.mark.parametrize("permutation", PERMUTATIONS)
def test_graph_equals_the_steps_in_turn(permutation, coupling, recompute):
    steps = make_steps(permutation, coupling)
    chain = StepChain(steps, recompute=recompute)
    variables = chain.trainable_variables
    expected = values_and_gradients(chain, images(), variables)  # Eagerly: step by step.
    x = images()
    for step in steps:
        x, _ = step.forward_and_log_det(x)
    np.testing.assert_array_equal(x, expected[0])
    traced = tf.function(lambda x: values_and_gradients(chain, x, variables))
    assert_close(traced(images()), expected)
    inverse = tf.function(chain.inverse_and_log_det)
    x, log_det = inverse(expected[0])
    np.testing.assert_allclose(x, images(), atol=2e-5)
    np.testing.assert_allclose(log_det, -expected[1], rtol=1e-4)


def test_xla_equals_the_steps_in_turn():
    for recompute in (False, True):
        chain = StepChain(make_steps(), recompute=recompute)
        variables = chain.trainable_variables
        compiled = tf.function(
            lambda x, c=chain, v=variables: values_and_gradients(c, x, v), jit_compile=True
        )
        assert_close(compiled(images()), values_and_gradients(chain, images(), variables))


@pytest.mark.parametrize("coupling", [AffineCoupling, AdditiveCoupling])
def test_xla_takes_the_images_for_no_constants(coupling):
    # It would compile again for every batch.
    chain = StepChain(make_steps(coupling=coupling, num_steps=2))
    variables = chain.trainable_variables
    compiled = tf.function(lambda x: values_and_gradients(chain, x, variables)[2], jit_compile=True)
    text = compiled.experimental_get_compiler_ir(images())(stage="hlo")
    shape = ",".join(str(n) for n in images().shape)
    entry = text[text.index("ENTRY") :]
    parameters = [line for line in entry.splitlines() if "parameter(" in line]
    assert any(f"f32[{shape}]" in line for line in parameters)


@pytest.mark.parametrize("recompute", [False, True])
def test_replicas_read_every_steps_own_variables(recompute):
    # A tf.function takes a mirrored variable for a constant: each step needs its own all the same.
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        chain = StepChain(make_steps(), recompute=recompute)
    variables = chain.trainable_variables
    x = images()
    run = tf.function(lambda: strategy.run(values_and_gradients, (chain, x, variables)))
    actual = run()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, log_det = chain.forward_and_log_det(x)
        total = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)
    assert_close(actual, (y, log_det, tape.gradient(total, [x, *variables])))
    # And it sees what they become.
    for variable in variables:
        variable.assign_add(tf.fill(variable.shape, 0.01))
    assert_close(run()[0], chain.forward_and_log_det(x)[0])


def test_graph_holds_one_step_called_for_each():
    sizes = {}
    for num_steps in (2, 12):
        chain = StepChain(make_steps(num_steps=num_steps))
        graph = tf.function(chain.forward_and_log_det).get_concrete_function(images()).graph
        calls = [op for op in graph.get_operations() if op.type == "PartitionedCall"]
        assert len(calls) == num_steps
        assert len({op.get_attr("f").name for op in calls}) == 1
        sizes[num_steps] = len(graph.get_operations())
    # What one more step costs: its variables (16, with their reads) and its call.
    assert (sizes[12] - sizes[2]) / 10 < 45


def test_recomputing_keeps_the_network_inside_out_of_the_forward_pass():
    kept = {}
    for recompute in (False, True):
        chain = StepChain(make_steps(), recompute=recompute)
        step = tf.function(lambda x, c=chain: values_and_gradients(c, x, c.trainable_variables))
        graph = step.get_concrete_function(images()).graph
        outputs = [
            t for op in graph.get_operations() if "PartitionedCall" in op.type for t in op.outputs
        ]
        # Hidden activations, `[B, H, W, 8]`, that leave a forward call to be kept.
        kept[recompute] = sum(
            t.shape.rank == 4 and t.shape[-1] == 8 and t.shape[0] == 2 for t in outputs
        )
    assert kept[False] >= 6  # Two hidden layers of three steps.
    assert kept[True] == 0


def test_refuses_steps_that_differ():
    steps = make_steps("lu")[:1] + make_steps("shuffle")[:1]
    with pytest.raises(ValueError, match="step0 differs from step0"):
        StepChain(steps)
    with pytest.raises(ValueError, match="one or more FlowSteps"):
        StepChain([])
    coupling = AffineCoupling(lambda x1: tf.concat([x1, x1], -1))
    with pytest.raises(ValueError, match="must be Keras layers"):
        StepChain([FlowStep(ActNorm(4), ReverseChannels(), coupling)])
