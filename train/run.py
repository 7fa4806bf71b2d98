"""A whole training run, as one function."""

import dataclasses
import os

import tensorflow as tf

from tfglow import likelihood
from tfglow.datasets import ImageData, SkippedImage
from tfglow.runs.run_folder import RunFolder
from train import strategies
from train.baseline import MAX_DIMS, GaussianBaseline
from train.config import TrainConfig
from train.data import first_images
from train.plan import Plan
from train.plots import write_curves
from train.resuming import forget_best, saying_what_is_kept, take_changes
from train.skipped import write_skipped
from train.stop import StopRequest

# Enough for a covariance of `MAX_DIMS`; more would take longer and change little.
_BASELINE_IMAGES = 50_000


@dataclasses.dataclass(frozen=True)
class Summary:
    """How a run ended."""

    # Steps done.
    step: int
    # Whether that is all of them; otherwise the run was stopped, and can be resumed.
    finished: bool
    # Bits per dimension on the evaluation split, of the averaged weights; None if not finished.
    eval_bits_per_dim: float | None = None
    # Of the Gaussian with full covariance that was fitted to the same pixels; None if there are too
    # many of them, or too few images.
    gaussian_bits_per_dim: float | None = None


def train_and_evaluate(
    config: TrainConfig,
    run_dir: str | os.PathLike,
    stop: StopRequest | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> Summary:
    """Trains a Glow into a run folder; started again with the same folder, it resumes.

    Args:
      config: What to train, and how.
      run_dir: The run folder, new or one to go on with: fields that may change have the new
        values from then on, and `config_changes.jsonl` says so.
      stop: What asks it to stop; by default SIGTERM and SIGINT do.
      strategy: The distribution strategy, where it is made already; by default that which the
        configuration names is made.

    Raises:
      ValueError: If the configuration, the data or the folder is not usable: in one sentence.
      UnwritableFile: If the disk is full, say; the run can go on from what it saved.
      TrainingDiverged: If loss or gradient were not finite too many steps in a row.
    """
    strategy = strategy or strategies.make_strategy(config.strategy)
    chief = strategies.is_chief(strategy)
    plan = Plan.make(config, run_dir, strategy)
    config, run, trainer = plan.config, plan.run, plan.trainer
    if chief:
        if run.exists():
            run.remove_unfinished()
        else:
            RunFolder.create(run.path, config.to_dict())
    with saying_what_is_kept(run):
        if chief and config.dataset == "folder":
            skipped = [*plan.train_data.skipped, *plan.eval_data.skipped]
            _note_skipped(run, plan.left_out, skipped)
        trainer.announce()
        trainer.restore_or_initialize(plan.source)
        if chief:
            sentence = take_changes(plan.changed, config, run, trainer.state)
            if sentence is not None:
                print(sentence, flush=True)
        forget_best(run, trainer.state)
        with stop or StopRequest() as stop:
            last = trainer.train(stop)
        step = int(trainer.state.step)
        if not chief or not trainer.finished:
            return Summary(step, trainer.finished)
        if last is None:  # The run was finished before.
            last = trainer.evaluate()
        gaussian = gaussian_bits_per_dim(config, plan.train_data, plan.eval_data)
        write_curves(run, gaussian)
        return Summary(step, True, last["eval_bits_per_dim"], gaussian)


def gaussian_bits_per_dim(
    config: TrainConfig, train_data: ImageData, eval_data: ImageData
) -> float | None:
    """Bits per dimension on the evaluation split of a Gaussian fitted to the training split.

    None if it has more than `MAX_DIMS` dimensions, or no fewer than images: its covariance would
    then know nothing of the directions in which they do not differ.
    """
    model = config.model
    if model.num_dims > MAX_DIMS or model.num_dims >= train_data.num_images:
        return None
    batch_size = 1000
    baseline = GaussianBaseline(
        first_images(train_data, _BASELINE_IMAGES, batch_size, False), model.num_bits
    )
    images = first_images(eval_data, config.eval_images, batch_size, False)
    return likelihood.evaluate(baseline.log_prob, images, model.num_dims).bits_per_dim


def _note_skipped(
    run: RunFolder, left_out: tuple[str, ...] | None, skipped: list[SkippedImage]
) -> None:
    """Writes down what a new run leaves out, and says how much a run leaves out."""
    if left_out is None:
        write_skipped(run, skipped)
        left_out = tuple({image.file for image in skipped})
    if left_out:
        count = "1 image file" if len(left_out) == 1 else f"{len(left_out)} image files"
        print(f"Left out: {count}, listed in {run.skipped_images_path}.", flush=True)
