import dataclasses
import itertools
import os

import numpy as np
import pytest

from tests.full_disk import full_disk
from tfglow.runs import CheckpointError, RunFolder
from tfglow.runs.checkpoints import list_checkpoints
from tfglow.writing import UnwritableFile
from train.checkpoints import Checkpoints
from train.data import TrainingBatches, init_batch
from train.resuming import saying_what_is_kept
from train.state import TrainState
from train.step import TrainStep

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path, tiny):
    return RunFolder.create(tmp_path / "run", tiny.to_dict())


def everything(state):
    variables = [*state.glow.weights, *state.average.weights, *state.optimizer.variables]
    variables += [state.weight_average.count, state.step, state.skipped, state.best]
    variables += [v for mean in state.train_means.values() for v in mean.variables]
    return [v.numpy() for v in variables]


def assert_equal(state, values):
    for mine, other in zip(everything(state), values, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.fixture(scope="module")
def three_steps(tiny, digits, two_replicas):
    """A state after three steps."""
    state = TrainState(tiny, two_replicas)
    state.initialize(init_batch(tiny, digits))
    step = TrainStep(state, two_replicas, batch_size=16)
    for batch in itertools.islice(TrainingBatches(tiny, digits, two_replicas).starting_at(0), 3):
        state.train_means["loss"].update_state(step(batch)["loss"])
    return state


@pytest.fixture
def trained(three_steps):
    """The same; a test may change the number of the step and the best evaluation."""
    three_steps.step.assign(3)
    three_steps.best.assign(4.5)
    return three_steps


def test_all_of_the_state_comes_back_on_any_strategy(run, trained, tiny, two_replicas, one_device):
    Checkpoints(run, trained, keep=2).save()
    for strategy in (two_replicas, one_device):
        state = TrainState(tiny, strategy)
        prefix = Checkpoints(run, state, keep=2).restore_latest()
        assert prefix == str(run.checkpoint_dir / "ckpt-3")
        assert_equal(state, everything(trained))


def test_an_average_is_begun_and_given_up_where_a_run_goes_on(run, trained, tiny, one_device):
    without = dataclasses.replace(tiny, average_decay=0.0)
    Checkpoints(run, trained, keep=2).save()
    state = TrainState(without, one_device)
    checkpoints = Checkpoints(run, state, keep=2)
    assert checkpoints.restore_latest() is not None
    assert state.average is state.glow
    state.step.assign(4)
    checkpoints.save()
    said = []
    again = TrainState(tiny, one_device)
    prefix = Checkpoints(run, again, keep=2, report=said.append).restore_latest()
    assert prefix == str(run.checkpoint_dir / "ckpt-4")
    assert said == ["The run kept no average of its weights before; it begins with them here."]
    assert int(again.weight_average.count) == 0
    for average, raw, before in zip(
        again.average.weights, again.glow.weights, trained.glow.weights, strict=True
    ):
        np.testing.assert_array_equal(average.numpy(), raw.numpy())
        np.testing.assert_array_equal(raw.numpy(), before.numpy())


def test_what_cannot_be_trained_on_is_removed(run, trained):
    checkpoints = Checkpoints(run, trained, keep=3)
    for step in (3, 4, 5):
        trained.step.assign(step)
        checkpoints.save()
    assert checkpoints.remove_from(4) == 3
    assert [os.path.basename(p) for p in list_checkpoints(run.checkpoint_dir)] == ["ckpt-3"]
    assert not list(run.checkpoint_dir.glob("ckpt-[45]*"))
    # The process that goes on from there counts on with it.
    trained.step.assign(6)
    Checkpoints(run, trained, keep=3).save()
    names = [os.path.basename(prefix) for prefix in list_checkpoints(run.checkpoint_dir)]
    assert names == ["ckpt-3", "ckpt-6"]
    assert checkpoints.remove_from(1) is None
    assert list_checkpoints(run.checkpoint_dir) == []
    assert list(run.checkpoint_dir.iterdir()) == []


def test_keeps_the_last_ones_and_the_best(run, trained):
    checkpoints = Checkpoints(run, trained, keep=2)
    for step in range(4, 8):
        trained.step.assign(step)
        if step == 5:
            checkpoints.save_best()
        checkpoints.save()
    names = [os.path.basename(prefix) for prefix in list_checkpoints(run.checkpoint_dir)]
    assert names == ["ckpt-6", "ckpt-7"]
    assert run.checkpoint("best") == str(run.best_checkpoint_dir / "ckpt-5")
    # Also after the process was started again.
    again = Checkpoints(run, trained, keep=2)
    trained.step.assign(8)
    again.save()
    names = [os.path.basename(prefix) for prefix in list_checkpoints(run.checkpoint_dir)]
    assert names == ["ckpt-7", "ckpt-8"]
    assert not (run.checkpoint_dir / "ckpt-6.index").exists()


def test_a_damaged_newest_one_is_named_and_the_one_before_used(run, trained, tiny, one_device):
    checkpoints = Checkpoints(run, trained, keep=3)
    checkpoints.save()
    before = everything(trained)
    trained.step.assign(4)
    trained.best.assign(1.0)
    checkpoints.save()
    data = run.checkpoint_dir / "ckpt-4.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0xFF
    data.write_bytes(content)
    sentences = []
    state = TrainState(tiny, one_device)
    prefix = Checkpoints(run, state, keep=3, report=sentences.append).restore_latest()
    assert prefix == str(run.checkpoint_dir / "ckpt-3")
    [sentence] = sentences
    assert "ckpt-4' is damaged" in sentence
    assert_equal(state, before)


def test_if_all_are_damaged_the_run_does_not_start_anew(run, trained, tiny, one_device):
    Checkpoints(run, trained, keep=3).save()
    (run.checkpoint_dir / "ckpt-3.index").write_bytes(b"")
    checkpoints = Checkpoints(run, TrainState(tiny, one_device), keep=3, report=lambda text: None)
    with pytest.raises(CheckpointError, match=r"Of 1 checkpoint in .* none can be used"):
        checkpoints.restore_latest()


def test_a_full_disk_is_one_sentence_and_costs_nothing(run, trained, tiny, one_device):
    checkpoints = Checkpoints(run, trained, keep=2)
    for step in (1, 2):
        trained.step.assign(step)
        checkpoints.save()
        checkpoints.save_best()
    before = {path.relative_to(run.path) for path in run.path.rglob("*")}
    trained.step.assign(3)
    for save, folder in (
        (checkpoints.save, run.checkpoint_dir),
        (checkpoints.save_best, run.best_checkpoint_dir),
    ):
        for size in (0, 20_000):  # In the first file, and the second.
            with full_disk(size), pytest.raises(UnwritableFile) as caught:
                save()
            prefix = str(folder / "ckpt-3")
            assert str(caught.value) == f"Cannot write {prefix!r}: File too large."
            assert {path.relative_to(run.path) for path in run.path.rglob("*")} == before
    state = TrainState(tiny, one_device)
    assert Checkpoints(run, state, keep=2).restore_latest().endswith("ckpt-2")
    with pytest.raises(UnwritableFile) as caught, saying_what_is_kept(run):
        raise UnwritableFile("Cannot write 'a': No space left on device.")
    assert str(caught.value) == (
        "Cannot write 'a': No space left on device; what was saved is whole, and with that put "
        f"right the run goes on from step 2: python train/main.py --run_dir={run.path}"
    )
    # With room again it is saved.
    checkpoints.save()
    assert list_checkpoints(run.checkpoint_dir)[-1].endswith("ckpt-3")


def test_a_new_run_has_none(run, tiny, one_device):
    assert Checkpoints(run, TrainState(tiny, one_device), keep=3).restore_latest() is None


def test_workers_that_do_not_write_leave_the_folder_alone(run, trained):
    checkpoints = Checkpoints(run, trained, keep=3, writes=False)
    checkpoints.save()
    checkpoints.save_best()
    assert list_checkpoints(run.checkpoint_dir) == []
