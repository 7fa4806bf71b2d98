"""What a run would do, without doing it."""

import os
import tempfile

import numpy as np
import tensorflow as tf

from tfglow import likelihood
from tfglow.datasets import ImageData
from tfglow.pictures.labelled_grid import labelled_grid
from train import strategies
from train.config import TrainConfig
from train.data import naming_unreadable_images, steps_per_epoch
from train.flags import flags_of
from train.pictures import grey_or_rgb, write_png
from train.plan import Plan
from train.progress import Progress, duration, three_digits

# Images in the picture.
_IMAGES = 64


def dry_run(
    config: TrainConfig, run_dir: str | os.PathLike, strategy: tf.distribute.Strategy
) -> None:
    """Says what `train_and_evaluate` would do, and refuses what it refuses.

    Prints the configuration, what the run says when it begins, where a picture of training images
    is, and how long a step takes, measured by a few. No run folder is made or changed.

    Args:
      config: What to train, and how.
      run_dir: The run folder, new or one to go on with.
      strategy: The distribution strategy.

    Raises:
      ValueError: If the configuration, the data or the folder is not usable.
    """
    plan = Plan.make(config, run_dir, strategy)
    config, trainer, report = plan.config, plan.trainer, Progress.print
    chief = strategies.is_chief(strategy)
    if chief:
        report(flags_of(config))
        for change in plan.changed:
            report(f"Would change: {change}.")
        picture = training_images(config, plan.train_data)
        handle, path = tempfile.mkstemp(".png", "tfglow_dry_run_")
        os.close(handle)
        write_png(path, picture)
    trainer.announce()
    if chief:
        report(f"Images   as the model sees them, {config.model.num_bits} bits: {path}")
    trainer.restore_or_initialize(plan.source)
    left = max(0, config.epochs * steps_per_epoch(config, plan.train_data) - trainer.step)
    first, each = trainer.measure()
    if chief:
        report(
            f"Time     {first:.1f} s for the first step, then {each:.3g} s a step, "
            f"{three_digits(config.batch_size / each)} images/s: an epoch "
            f"{duration(each * steps_per_epoch(config, plan.train_data))}, what is left of the run "
            f"{duration(each * left)}, beside evaluations and samples"
        )
        report(f"A dry run: nothing was written to {plan.run.path}.")


def training_images(config: TrainConfig, data: ImageData) -> np.ndarray:
    """A picture of training images, uint8 `[height, width, C]`: fitted, augmented, of few bits."""
    num = min(_IMAGES, data.num_images)
    batches = data.batches(
        num, seed=config.model.seed, flip=config.flip, shift=config.shift, drop_remainder=True
    )
    with naming_unreadable_images():
        images = next(iter(batches))["image"]
    num_bits = config.model.num_bits
    seen = likelihood.quantize(likelihood.dequantize(images, num_bits, 0.5), num_bits)
    return labelled_grid(grey_or_rgb(seen.numpy()))
