"""A level's stacked steps are its steps one after the other."""

import contextlib
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.random_glow import assign_step, randomize
from tfglow.bijectors import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    FlowStep,
    FlowSteps,
    Invertible1x1Conv,
    ReverseChannels,
    ShuffleChannels,
)
from tfglow.bijectors.flow_steps import steps_as_calls
from tfglow.networks import CouplingNetwork

pytestmark = pytest.mark.slow

CHANNELS = 4
# How a graph holds the steps.
FORMS: dict[str, dict[str, bool]] = {
    "plain": {},
    "recompute": {"recompute": True},
    "scan": {"scan": True},
}
PERMUTATIONS = {
    "lu": {},
    "full": {"parameterization": "full"},
    "shuffle": {"permutation": "shuffle"},
    "reverse": {"permutation": "reverse"},
}

COUPLINGS = ["affine", "additive"]


def make_steps(permutation="lu", num_steps=3, **fields):
    """Steps with weights that are all different and not trivial."""
    arguments = {"width": 8, "seed": 7, **PERMUTATIONS[permutation], **fields}
    steps = FlowSteps(num_steps, CHANNELS, **arguments)
    randomize(steps, scale=0.1)
    return steps


def images(dtype=np.float32):
    return tf.constant(np.random.default_rng(1).normal(size=[2, 4, 6, CHANNELS]).astype(dtype))


def in_turn(steps, x):
    """The steps one after the other, as views."""
    total = 0.0
    for step in steps:
        x, log_det = step.forward_and_log_det(x)
        total += log_det
    return x, total


def values_and_gradients(forward, x, variables):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, log_det = forward(x)
        total = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)
    return y, log_det, tape.gradient(total, [x, *variables])


def assert_close(actual, expected, tolerance=2e-5):
    for a, e in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance)


# Every form with every permutation and every coupling, and plainly every pair of these.
IN_TURN = [
    *((permutation, coupling, "plain") for permutation in PERMUTATIONS for coupling in COUPLINGS),
    *(
        (permutation, coupling, form)
        for form in ("recompute", "scan")
        for permutation, coupling in zip(PERMUTATIONS, itertools.cycle(COUPLINGS), strict=False)
    ),
]


@pytest.mark.parametrize("permutation, coupling, form", IN_TURN)
def test_eagerly_and_in_a_graph_they_are_the_steps_in_turn(permutation, coupling, form):
    steps = make_steps(permutation, coupling=coupling, **FORMS[form])
    variables = steps.trainable_variables
    # Gradients reach the stacked variables through the views as well.
    expected = values_and_gradients(lambda x: in_turn(steps, x), images(), variables)

    def run(x):
        return values_and_gradients(steps.forward_and_log_det, x, variables)

    assert_close(run(images()), expected)
    assert_close(tf.function(run)(images()), expected)
    y = expected[0]
    for inverse in (steps.inverse_and_log_det, tf.function(steps.inverse_and_log_det)):
        x, log_det = inverse(y)
        np.testing.assert_allclose(x, images(), atol=2e-5)
        np.testing.assert_allclose(log_det, -expected[1], rtol=1e-4)
    for step in reversed(list(steps)):
        y, _ = step.inverse_and_log_det(y)
    np.testing.assert_allclose(x, y, atol=2e-5)


@pytest.mark.parametrize("form", FORMS)
def test_xla_equals_the_steps_in_turn(form):
    steps = make_steps(**FORMS[form])
    variables = steps.trainable_variables
    compiled = tf.function(
        lambda x: values_and_gradients(steps.forward_and_log_det, x, variables), jit_compile=True
    )
    expected = values_and_gradients(lambda x: in_turn(steps, x), images(), variables)
    assert_close(compiled(images()), expected)


@pytest.mark.parametrize("form", ["plain", "scan"])
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_xla_takes_the_images_for_no_constants(coupling, form):
    # It would compile again for every batch.
    steps = make_steps(coupling=coupling, num_steps=2, **FORMS[form])
    variables = steps.trainable_variables
    compiled = tf.function(
        lambda x: values_and_gradients(steps.forward_and_log_det, x, variables)[2],
        jit_compile=True,
    )
    text = compiled.experimental_get_compiler_ir(images())(stage="hlo")
    shape = ",".join(str(n) for n in images().shape)
    entry = text[text.index("ENTRY") :]
    parameters = [line for line in entry.splitlines() if "parameter(" in line]
    assert any(f"f32[{shape}]" in line for line in parameters)


@pytest.mark.parametrize("form", FORMS)
def test_replicas_read_their_own_variables(form):
    # A tf.function takes a mirrored variable for a constant: it is to be read anew all the same.
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        steps = make_steps(**FORMS[form])
    variables = steps.trainable_variables
    x = images()

    @tf.function
    def run():
        return strategy.run(values_and_gradients, (steps.forward_and_log_det, x, variables))

    assert_close(run(), values_and_gradients(lambda x: in_turn(steps, x), x, variables))
    # And they see what they become.
    for variable in variables:
        variable.assign_add(tf.fill(variable.shape, 0.01))
    assert_close(run()[0], in_turn(steps, x)[0])


def test_a_graph_holds_one_step_that_is_called_for_each():
    sizes = {}
    for num_steps in (2, 12):
        steps = make_steps(num_steps=num_steps)
        graph = tf.function(steps.forward_and_log_det).get_concrete_function(images()).graph
        calls = [op for op in graph.get_operations() if op.type == "PartitionedCall"]
        assert len(calls) == num_steps
        assert len({op.get_attr("f").name for op in calls}) == 1
        sizes[num_steps] = len(graph.get_operations())
    # What one more step costs: its call, and nothing for its weights.
    assert (sizes[12] - sizes[2]) / 10 <= 2


@pytest.mark.parametrize(
    ("num_steps", "within", "is_call"),
    [
        (2, contextlib.nullcontext, False),
        (2, steps_as_calls, True),
        (16, contextlib.nullcontext, True),
    ],
)
def test_steps_are_copied_into_a_graph_where_they_are_few_and_no_calls_are_asked_for(
    num_steps, within, is_call
):
    steps = make_steps(num_steps=num_steps)
    with within():
        traced = tf.function(steps.inverse_and_log_det).get_concrete_function(images())
    graph = traced.graph
    (name,) = {op.get_attr("f").name for op in graph.get_operations() if "f" in op.node_def.attr}
    attributes = {f.signature.name: f.attr for f in graph.as_graph_def().library.function}[name]
    assert attributes["_noinline"].b is is_call
    assert_close(traced(images()), steps.inverse_and_log_det(images()))


def instructions(steps):
    """Of what XLA gets of both directions and the forward one's gradients."""

    def both_ways(x):
        forward = values_and_gradients(steps.forward_and_log_det, x, steps.trainable_variables)
        return forward, steps.inverse_and_log_det(x)

    compiled = tf.function(both_ways, jit_compile=True)
    return compiled.experimental_get_compiler_ir(images())(stage="hlo").count(" = ")


def test_scanned_the_program_is_as_large_for_any_number_of_steps():
    plain, scanned = (
        [instructions(make_steps(num_steps=k, **FORMS[form])) for k in (3, 12)]
        for form in ("plain", "scan")
    )
    assert plain[1] > 3 * plain[0]
    assert scanned[1] == scanned[0] < plain[0]


def test_one_set_of_scanned_weights_in_every_precision_and_batch_size():
    plain, scanned = (
        make_steps(network_dtype=tf.bfloat16, **FORMS[form]) for form in ("plain", "scan")
    )
    x = images()
    variables = plain.trainable_variables, scanned.trainable_variables
    expected, actual = (
        tf.function(lambda s=steps, v=own: values_and_gradients(s.forward_and_log_det, x, v))()
        for steps, own in zip((plain, scanned), variables, strict=True)
    )
    # Both round to bfloat16 at the same places, but add up in another order.
    assert_close(actual[:2], expected[:2], tolerance=1e-2)
    for ours, theirs in zip(actual[2], expected[2], strict=True):
        scale = np.max(np.abs(theirs)) + 1e-6
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=3e-2)
    forward = tf.function(
        scanned.forward_and_log_det, input_signature=[tf.TensorSpec([None, 4, 6, CHANNELS])]
    )
    for rows in (1, 2):
        assert_close(forward(x[:rows]), plain.forward_and_log_det(x[:rows]), tolerance=1e-2)
    places = [steps.forward_and_places(x)[1] for steps in (plain, scanned)]
    assert_close(places[1], places[0], tolerance=1e-2)


def test_recomputing_keeps_the_network_inside_out_of_the_forward_pass():
    kept = {}
    for recompute in (False, True):
        steps = make_steps(recompute=recompute)
        step = tf.function(
            lambda x, s=steps: values_and_gradients(s.forward_and_log_det, x, s.trainable_variables)
        )
        graph = step.get_concrete_function(images()).graph
        outputs = [
            t for op in graph.get_operations() if "PartitionedCall" in op.type for t in op.outputs
        ]
        # Hidden activations, `[B, H, W, 8]` or as rows, that leave a forward call to be kept.
        kept[recompute] = sum(
            t.shape.rank in (2, 4) and t.shape[-1] == 8 and t.shape[0] in (2, 2 * 4 * 6)
            for t in outputs
        )
    assert kept[False] >= 6  # Two hidden layers of three steps.
    assert kept[True] == 0


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("permutation", PERMUTATIONS)
def test_they_start_and_initialize_as_single_steps_do(permutation, coupling):
    steps = FlowSteps(3, CHANNELS, coupling=coupling, width=8, seed=5, **PERMUTATIONS[permutation])
    make_permutation = {
        "lu": lambda seed: Invertible1x1Conv(CHANNELS, seed=seed),
        "full": lambda seed: Invertible1x1Conv(CHANNELS, "full", seed=seed),
        "shuffle": lambda seed: ShuffleChannels(CHANNELS, seed=seed),
        "reverse": lambda seed: ReverseChannels(),
    }[permutation]
    make_coupling, outputs = {"affine": (AffineCoupling, 4), "additive": (AdditiveCoupling, 2)}[
        coupling
    ]
    single = [
        FlowStep(
            ActNorm(CHANNELS),
            make_permutation(5 + k),
            make_coupling(CouplingNetwork(2, outputs, 8, seed=5 + k)),
        )
        for k in range(3)
    ]
    x = y = 3.0 * tf.constant(np.random.default_rng(2).normal(size=[16, 4, 4, 4]), tf.float32) + 2.0
    np.testing.assert_allclose(steps.forward(x), in_turn(single, x)[0], rtol=1e-4, atol=1e-4)
    for step in single:
        y = step.initialize(y)
    np.testing.assert_allclose(steps.initialize(x), y, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(steps.forward(x), y, rtol=1e-4, atol=1e-4)
    for k, step in enumerate(single):
        stacked = {
            name.replace("network/", "coupling/"): variable[k]
            for name, variable in steps.named_variables.items()
        }
        assert stacked.keys() == step.named_variables.keys()
        for name, variable in step.named_variables.items():
            np.testing.assert_allclose(stacked[name], variable, rtol=1e-4, atol=1e-4)


def test_names_and_shapes_of_variables():
    shapes = {n: tuple(v.shape) for n, v in make_steps().named_variables.items()}
    assert len(shapes) == 2 + 5 + 9
    assert shapes["actnorm/b"] == shapes["permutation/log_s"] == (3, 4)
    assert shapes["permutation/lower"] == (3, 4, 4)
    assert shapes["network/conv_1/kernel"] == (3, 3, 3, 3, 8)
    assert shapes["network/conv_last/logs"] == (3, 4)
    assert set(make_steps("shuffle").named_variables) - set(shapes) == {"permutation/indices"}
    assert not any("permutation" in name for name in make_steps("reverse").named_variables)
    steps = make_steps()
    trained = {n for n, v in steps.named_variables.items() if v.trainable}
    assert set(shapes) - trained == {"permutation/permutation", "permutation/sign"}
    assert steps.weights.actnorm.b is steps.named_variables["actnorm/b"]


def test_a_view_has_the_values_of_its_moment():
    steps = make_steps()
    assert len(steps) == len(list(steps)) == 3
    assert [step.name for step in steps] == [f"flow_steps_step{k}" for k in range(3)]
    view = steps[1]
    assert isinstance(view, FlowStep) and view.variables == ()
    before = view.forward(images())
    assign_step(steps, 1, "actnorm/b", 5.0)
    np.testing.assert_array_equal(view.forward(images()), before)
    np.testing.assert_array_equal(steps[1].actnorm.b, np.full(4, 5.0))
    assert np.any(steps[1].forward(images()) != before)
    np.testing.assert_array_equal(steps[-1].actnorm.b, steps.weights.actnorm.b[2])
    np.testing.assert_array_equal(steps.unstacked()[1].actnorm.b, np.full(4, 5.0))
    for wrong in (3, -4):
        with pytest.raises(IndexError, match=f"flow_steps has 3 steps, got {wrong}"):
            steps[wrong]


def test_every_steps_output():
    steps = make_steps()
    x = images()
    for (output, log_scale), step in zip(steps.forward_in_turn(x), steps, strict=True):
        x = step.forward(x)
        np.testing.assert_allclose(output, x, rtol=1e-5, atol=1e-5)
        assert log_scale.shape == (2, 4, 6, 2)


def test_the_dtype_of_the_networks_is_an_argument():
    exact, mixed = make_steps(), make_steps(network_dtype=tf.bfloat16)
    y = exact.forward(images())
    low = mixed.forward(images())
    assert low.dtype == tf.float32
    assert 1e-5 < np.max(np.abs(y - low)) < 0.1
    # One set of variables, and either arithmetic of either's.
    np.testing.assert_array_equal(exact.forward(images(), network_dtype=tf.bfloat16), low)
    np.testing.assert_array_equal(mixed.forward(images(), network_dtype=tf.float32), y)
    # A function traces both.
    traced = tf.function(lambda x: mixed.forward_and_log_det(x, network_dtype=tf.float32))
    np.testing.assert_allclose(traced(images())[0], y, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(mixed.forward(images()), low)
    # As the views have it.
    np.testing.assert_allclose(in_turn(mixed, images())[0], low, rtol=1e-2, atol=1e-2)


def test_validate_args_names_the_step():
    steps = make_steps(validate_args=True)
    assign_step(steps, 1, "actnorm/b", np.inf)
    for forward in (steps.forward, tf.function(steps.forward)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="flow_steps_step2 is not finite"):
            forward(images())


def test_validate_args_names_the_step_of_a_scan():
    steps = make_steps(validate_args=True, scan=True)
    assign_step(steps, 1, "actnorm/b", np.inf)
    for forward in (steps.forward, tf.function(steps.forward)):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"(?s)flow_steps_step.*2.*is not finite"
        ):
            forward(images())


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("num_steps", 0, "`num_steps` of flow_steps must be a positive integer, got 0"),
        ("num_channels", 5, "`num_channels` of flow_steps must be even, got 5"),
        ("coupling", "linear", "`coupling` of flow_steps must be one of affine, additive; got"),
        ("permutation", "sort", "`permutation` .* one of invertible_1x1_conv, shuffle, reverse"),
        ("parameterization", "qr", "`parameterization` .* one of lu, full; got 'qr'"),
    ],
)
def test_refuses_arguments(field, value, message):
    with pytest.raises(ValueError, match=message):
        FlowSteps(**{"num_steps": 2, "num_channels": 4, "width": 8, field: value})
