import dataclasses
import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.train.kept_state import KeptState
from train.data import TrainingBatches, init_batch
from train.state import TrainState
from train.step import TrainStep


@functools.cache
def kept(config, strategy, **kwargs):
    state = KeptState(config, strategy)
    return state, TrainStep(state.renewed(), strategy, batch_size=config.batch_size, **kwargs)


def make(config, data, strategy, **kwargs):
    """A state, initialised, and its step; a test before may have used and traced them."""
    state, step = kept(config, strategy, **kwargs)
    state = state.renewed()
    state.initialize(init_batch(config, data))
    return state, step


def batches(config, data, strategy, num, start=0):
    return list(itertools.islice(TrainingBatches(config, data, strategy).starting_at(start), num))


def train(config, data, strategy, num, **kwargs):
    """The state after some steps, and each step's results."""
    state, step = make(config, data, strategy, **kwargs)
    results = [step(batch) for batch in batches(config, data, strategy, num)]
    return state, [{name: v.numpy() for name, v in result.items()} for result in results]


def values(variables):
    return [v.numpy() for v in variables]


def all_variables(state):
    return [*state.glow.weights, *state.average.weights, *state.optimizer.variables]


@pytest.fixture(scope="module")
def on_one_device(tiny, digits, one_device):
    """The weights after some steps, and each step's results."""
    state, results = train(tiny, digits, one_device, 8)
    return values(state.glow.weights), results


@pytest.fixture(scope="module")
def conditional_on_two_replicas(conditional, digits, two_replicas):
    return train(conditional, digits, two_replicas, 8)


def test_learns(on_one_device):
    _, results = on_one_device
    assert results[-1]["loss"] < results[0]["loss"] - 0.05
    assert all(result["applied"] and not result["stop"] for result in results)


def assert_replicas_are_equal(state, strategy):
    for variable in all_variables(state):
        copies = strategy.experimental_local_results(variable.value)
        assert len(copies) == 2
        np.testing.assert_array_equal(copies[0].numpy(), copies[1].numpy(), variable.path)


@pytest.mark.slow
def test_replicas_stay_equal_bit_for_bit(conditional_on_two_replicas, two_replicas):
    state, _ = conditional_on_two_replicas
    assert_replicas_are_equal(state, two_replicas)


@pytest.mark.slow
def test_replicas_stay_equal_with_adam(conditional, digits, two_replicas):
    config = dataclasses.replace(conditional, optimizer="adam")
    state, _ = train(config, digits, two_replicas, 8)
    assert_replicas_are_equal(state, two_replicas)


@pytest.mark.slow
def test_two_replicas_train_as_one_device_and_stop_together(
    on_one_device, tiny, digits, two_replicas
):
    weights, results = on_one_device
    replicated, step = make(tiny, digits, two_replicas)
    for result, batch in zip(results, batches(tiny, digits, two_replicas, 8), strict=True):
        other = step(batch)
        assert not other["stop"]
        for name in ("loss", "gradient_norm"):
            np.testing.assert_allclose(result[name], other[name], rtol=1e-5)
    for mine, theirs in zip(weights, values(replicated.glow.weights), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    # One worker can ask all to stop.
    assert step(batch, stop=True)["stop"]


@pytest.mark.parametrize("strategy", ["one_device", "two_replicas"])
@pytest.mark.slow
def test_xla_computes_the_same(strategy, tiny, digits, request):
    """With one replica it compiles the update too."""
    strategy = request.getfixturevalue(strategy)
    _, plain = train(tiny, digits, strategy, 3)
    _, compiled = train(tiny, digits, strategy, 3, jit_compile=True)
    losses = [[float(r["loss"]) for r in results] for results in (plain, compiled)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def scanned(config, **model):
    return dataclasses.replace(
        config, model=dataclasses.replace(config.model, scan_steps=True, **model)
    )


@pytest.mark.slow
def test_what_was_trained_with_unrolled_steps_goes_on_with_a_loop(
    tiny, digits, one_device, tmp_path
):
    """To rounding, not to the bit: a loop adds up log-dets in another order."""
    before, *after = batches(tiny, digits, one_device, 3)
    state, step = make(tiny, digits, one_device)
    step(before)
    path = state.checkpoint().save(str(tmp_path / "ckpt"))
    other, other_step = make(scanned(tiny), digits, one_device)
    other.checkpoint().restore(path).assert_consumed()
    for batch in after:
        results, others = step(batch), other_step(batch)
        for name in ("loss", "gradient_norm"):
            np.testing.assert_allclose(others[name], results[name], rtol=1e-5)
    for mine, theirs in zip(
        values(all_variables(state)), values(all_variables(other)), strict=True
    ):
        np.testing.assert_allclose(theirs, mine, atol=1e-5)


@pytest.mark.slow
def test_xla_gets_as_large_a_program_for_any_number_of_scanned_steps(tiny, digits, one_device):
    """Loss, gradients, finite check, update and moving average."""
    [batch] = batches(tiny, digits, one_device, 1)
    instructions = set()
    for steps in (2, 5):
        _, step = make(scanned(tiny, steps=steps), digits, one_device, jit_compile=True)
        text = step.function.experimental_get_compiler_ir(batch, tf.constant(False))(stage="hlo")
        instructions.add(text.count(" = "))
    assert len(instructions) == 1


@pytest.mark.slow
def test_a_step_is_the_optimizers_own(tiny, digits, one_device):
    """Against Keras's `apply` of the gradient of the mean objective."""
    state, step = make(tiny, digits, one_device)
    other = TrainState(tiny, one_device)
    other.initialize(init_batch(tiny, digits))
    for batch in batches(tiny, digits, one_device, 3):
        step(batch)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(
                other.glow.objective(batch["image"], noise=batch["noise"])["loss"]
            )
        variables = other.glow.trainable_variables
        other.optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
    for mine, theirs in zip(values(state.glow.weights), values(other.glow.weights), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-6)


@pytest.mark.slow
def test_keeps_the_average_of_the_weights(tiny, digits, one_device):
    config = dataclasses.replace(tiny, average_decay=0.5)
    state, step = make(config, digits, one_device)
    kernels = []
    for batch in batches(config, digits, one_device, 4):
        step(batch)
        kernels.append(state.glow.trainable_variables[0].numpy())
    weights = 0.5 ** np.arange(3, -1, -1)
    expected = sum(w * k for w, k in zip(weights, kernels, strict=True)) / weights.sum()
    np.testing.assert_allclose(state.average.trainable_variables[0].numpy(), expected, atol=1e-6)


def test_without_an_average_there_is_one_model(tiny, digits, one_device):
    state = TrainState(dataclasses.replace(tiny, average_decay=0.0), one_device)
    assert state.average is state.glow
    assert state.weight_average is None


@pytest.mark.slow
def test_clips_the_whole_gradient(tiny, digits, one_device):
    """By half its norm: the first moment is halved, and the norm is reported as it was."""
    [batch] = batches(tiny, digits, one_device, 1)
    free, step = make(tiny, digits, one_device)
    norm = float(step(batch)["gradient_norm"])
    clipped, step = make(tiny, digits, one_device, clip_norm=norm / 2)
    assert float(step(batch)["gradient_norm"]) == pytest.approx(norm, rel=1e-6)
    loose, step = make(tiny, digits, one_device, clip_norm=norm * 2)
    step(batch)
    for variable, halved, same in zip(
        *(values(state.optimizer._m) for state in (free, clipped, loose)), strict=True
    ):
        np.testing.assert_allclose(halved, variable / 2, rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(same, variable, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("strategy", ["one_device", "two_replicas"])
@pytest.mark.slow
def test_a_step_that_is_not_finite_changes_nothing(strategy, tiny, digits, request):
    """On two replicas the fault is in one image, which only one of them has."""
    strategy = request.getfixturevalue(strategy)
    state, step = make(tiny, digits, strategy)
    good, *others = batches(tiny, digits, strategy, 3)
    step(good)
    before = values(all_variables(state))
    count = state.weight_average.count.numpy()
    for bad, worse in zip((np.nan, np.inf), others, strict=True):
        *parts, last = strategy.experimental_local_results(worse["noise"])
        noise = last.numpy()
        noise[-1, 0, 0, 0] = bad
        parts.append(tf.constant(noise))
        if len(parts) == 1:
            worse["noise"] = parts[0]
        else:
            worse["noise"] = strategy.experimental_distribute_values_from_function(
                lambda context, parts=parts: parts[context.replica_id_in_sync_group]
            )
        assert not step(worse)["applied"]
        for value, now in zip(before, values(all_variables(state)), strict=True):
            np.testing.assert_array_equal(value, now)
        assert state.weight_average.count.numpy() == count
    assert step(good)["applied"]


@pytest.mark.slow
def test_a_classifier_is_trained_and_reported(conditional_on_two_replicas):
    _, results = conditional_on_two_replicas
    last = results[-1]
    expected = last["bits_per_dim"] + 0.5 * last["class_bits"]
    np.testing.assert_allclose(last["loss"], expected, rtol=1e-6)
    assert 0 <= last["accuracy"] <= 1
    assert last["class_bits"] < results[0]["class_bits"]
