"""The training loop."""

import contextlib
import time
from typing import Any

import numpy as np
import tensorflow as tf

from tfglow.counting import counted
from tfglow.datasets import ImageData
from tfglow.pretrained import Pretrained
from tfglow.runs.run_folder import RunFolder
from train import strategies
from train.announcement import announcement, first_step_note
from train.checkpoints import Checkpoints
from train.config import TrainConfig
from train.data import TrainingBatches, first_images, init_batch, steps_per_epoch
from train.diagnostics import Health, first_not_finite, health
from train.evaluator import Evaluator
from train.fine_tuning import same_classes, sentence
from train.flags import command
from train.log import RunLog, keep_metrics
from train.plots import write_curves
from train.progress import Progress, Speed, time_left
from train.samples import sample_grid, write_samples
from train.state import TrainState
from train.step import TrainStep
from train.stop import StopRequest
from train.training_diverged import TrainingDiverged

# Steps that `measure` takes: so many at the least, the first with them, and at most; between these
# for so long, in seconds.
_FEWEST_MEASURED, _MOST_MEASURED = 2, 20
_MEASURED_SECONDS = 5.0
# Images that the diagnostics of an epoch look at.
_HEALTH_IMAGES = 16


class Trainer:
    """Trains a run, from its start or its last checkpoint, to its end or until it is stopped.

    Args:
      config: The run's configuration, `resolved`.
      run: The run's folder.
      strategy: The distribution strategy that it computes under.
      train_data: The split to train on.
      eval_data: The split to evaluate on.

    Raises:
      ValueError: If the data set is smaller than a batch, or a batch cannot be divided.
    """

    def __init__(
        self,
        config: TrainConfig,
        run: RunFolder,
        strategy: tf.distribute.Strategy,
        train_data: ImageData,
        eval_data: ImageData,
    ):
        self._config = config
        self._run = run
        self._strategy = strategy
        self._chief = strategies.is_chief(strategy)
        self._train_data = train_data
        self._eval_data = eval_data
        self._batches = TrainingBatches(config, train_data, strategy)
        self._steps_per_epoch = steps_per_epoch(config, train_data)
        self._total_steps = config.epochs * self._steps_per_epoch
        self.state = TrainState(config, strategy)
        self._jit_compile = jit_compile = strategies.compiles(strategy, config.jit_compile)
        self._train_step = TrainStep(
            self.state,
            strategy,
            batch_size=config.batch_size,
            clip_norm=config.clip_norm,
            jit_compile=jit_compile,
        )
        models = {"": self.state.average}
        if self.state.weight_average is not None:
            models["_raw"] = self.state.glow
        self._evaluators = {
            suffix: Evaluator(glow, strategy, batch_size=config.batch_size, jit_compile=jit_compile)
            for suffix, glow in models.items()
        }
        self._checkpoints = Checkpoints(
            run, self.state, keep=config.keep_checkpoints, writes=self._chief, report=self._print
        )

    def announce(self) -> None:
        """Says what will be trained, for people."""
        num_parameters = sum(
            variable.shape.num_elements() for variable in self.state.glow.trainable_variables
        )
        text = announcement(
            self._config,
            self._run,
            self._train_data,
            self._eval_data,
            self._strategy,
            num_parameters,
        )
        self._print(text)

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self.state.step)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return int(self.state.step) >= self._total_steps

    def restore_or_initialize(self, source: Pretrained | None = None) -> None:
        """Goes back to where the run stopped; a new run is initialised on one batch.

        Args:
          source: The model whose weights a new run takes in place of that.

        Raises:
          CheckpointError: If all of the run's checkpoints are damaged.
        """
        prefix = self._checkpoints.restore_latest()
        step = int(self.state.step)
        if prefix is None and source is not None:
            same = same_classes(source, self._config)
            transfer = self.state.initialize_from(source.load(), same)
            self._print(sentence(source, transfer, self._config.model))
            return
        if prefix is None:
            self._print("Initialising the layers on images.")
            self.state.initialize(init_batch(self._config, self._train_data))
            return
        if step <= self._total_steps:
            self._print(f"Resumed at step {step} of {self._total_steps}, from {prefix}.")
        else:
            self._print(
                f"The run has taken {step} steps already, and `epochs` = {self._config.epochs} "
                f"asks for {self._total_steps}: it is evaluated at {prefix}, and not trained."
            )

    def train(self, stop: StopRequest) -> dict[str, Any] | None:
        """Takes the steps that are left.

        Args:
          stop: Is asked after every step whether to leave.

        Returns:
          What the last epoch's line in `metrics.jsonl` holds; None if no epoch ended.

        Raises:
          TrainingDiverged: After `max_skipped_steps` skipped steps in a row. Checkpoints of the
            weights with which they could not be taken are removed.
        """
        if self.finished:
            return None
        values = None
        done = int(self.state.step)
        if self._chief:
            keep_metrics(self._run, done)
        skipped_in_a_row = 0
        speed = Speed(self._config.batch_size)
        progress = Progress(self._total_steps, done, self._config.batch_size, self._chief)
        self._log = RunLog(self._run, writes=self._chief)
        self._print(first_step_note(self._config.model, self._jit_compile))
        start = time.perf_counter()
        with (
            contextlib.closing(progress),
            contextlib.closing(self._log),
            contextlib.closing(self._batches.starting_at(done)) as batches,
        ):
            for step, batch in enumerate(batches, start=done + 1):
                results = self._train_step(batch, stop.requested)
                results = {name: value.numpy() for name, value in results.items()}
                if step == done + 1:
                    self._print(f"It took {time.perf_counter() - start:.1f} s.")
                self.state.step.assign(step)
                if results["applied"]:
                    skipped_in_a_row = 0
                    for name, mean in self.state.train_means.items():
                        mean.update_state(results[name])
                else:
                    skipped_in_a_row += 1
                    where = self._report_skipped(step, batch, skipped_in_a_row)
                    if skipped_in_a_row >= self._config.max_skipped_steps:
                        raise self._diverged(step, skipped_in_a_row, where)
                epoch, place = divmod(step - 1, self._steps_per_epoch)
                progress.step(epoch + 1, results["bits_per_dim"])
                speed.step()
                if step % self._config.log_every == 0:
                    self._log_step(step, results)
                if place == self._steps_per_epoch - 1:
                    values = self._end_epoch(epoch + 1, speed.images_per_second)
                    speed.restart()
                elif results["stop"] or (
                    # These weights may be beyond help, and would push out those before.
                    results["applied"] and step % self._config.checkpoint_every == 0
                ):
                    self._checkpoints.save()
                if results["stop"] or self.finished:
                    break
        return values

    def measure(self) -> tuple[float, float]:
        """Takes a few steps, to know how long they take; nothing is written.

        Returns:
          Seconds of the first step, which is traced, and of one of the others, their median.
        """
        self._print(first_step_note(self._config.model, self._jit_compile))
        seconds: list[float] = []
        before = time.perf_counter()
        with contextlib.closing(self._batches.starting_at(int(self.state.step))) as batches:
            for batch in batches:
                enough = len(seconds) >= _MOST_MEASURED or (
                    len(seconds) >= _FEWEST_MEASURED and sum(seconds[1:]) > _MEASURED_SECONDS
                )
                # As every worker sees it: they take the same steps.
                stop = bool(self._train_step(batch, enough)["stop"])
                now = time.perf_counter()
                seconds.append(now - before)
                before = now
                if stop:
                    return seconds[0], float(np.median(seconds[1:]))
        raise ValueError("There are no batches to measure a step with.")

    def evaluate(self) -> dict[str, Any]:
        """Bits per dimension on the evaluation split, by the names of `metrics.jsonl`."""
        values = {}
        for suffix, evaluator in self._evaluators.items():
            evaluation, classes = evaluator.evaluate(self._eval_data, self._config.eval_images)
            values[f"eval_bits_per_dim{suffix}"] = evaluation.bits_per_dim
            values[f"eval_standard_error{suffix}"] = evaluation.standard_error
            values |= {f"eval_{name}{suffix}": value for name, value in classes.items()}
        return values

    def _end_epoch(self, epoch: int, images_per_second: float) -> dict[str, Any]:
        """Evaluates, saves and reports; what it writes is written again if that is cut short."""
        config, state = self._config, self.state
        step = int(state.step)
        last = epoch == config.epochs
        values = {
            "epoch": epoch,
            "step": step,
            "images_seen": step * config.batch_size,
            **{f"train_{name}": float(mean.result()) for name, mean in state.train_means.items()},
            "images_per_second": images_per_second,
            "skipped_steps": int(state.skipped),
        }
        improved = False
        # Of several workers one evaluates: the others wait for it at the next step.
        if self._chief and (last or epoch % config.eval_every == 0):
            values |= self.evaluate()
            values |= self._health()._asdict()
            improved = values["eval_bits_per_dim"] < float(state.best)
            if improved:
                state.best.assign(values["eval_bits_per_dim"])
        self._log.epoch(values)
        if self._chief:
            if last or epoch % config.sample_every == 0:
                self._write_samples(epoch)
            write_curves(self._run)
        for mean in state.train_means.values():
            mean.reset_state()
        if improved:
            self._checkpoints.save_best()
        self._checkpoints.save()
        # Last of all: what is reported is not lost, whatever happens then.
        left = time_left(self._total_steps - step, config.batch_size, images_per_second)
        self._print(_sentence(values, config.epochs) + ("" if last else f" · {left}"))
        return values

    def _health(self) -> Health:
        conditional = self._config.model.num_classes > 0
        batch = next(first_images(self._eval_data, _HEALTH_IMAGES, _HEALTH_IMAGES, conditional))
        return health(self.state.average, batch["image"], batch.get("label"))

    def _write_samples(self, epoch: int) -> None:
        for temperature in self._config.sample_temperatures:
            picture = sample_grid(
                self.state.average,
                self._config.sample_images,
                temperature,
                class_names=self._eval_data.class_names,
                report=self._print,
            )
            write_samples(self._run, picture, epoch, temperature)
            name = f"samples/temperature_{temperature:.2f}"
            self._log.picture(name, picture, int(self.state.step))

    def _log_step(self, step: int, results: dict[str, Any]) -> None:
        names = [*self.state.train_means, "gradient_norm"]
        values = {f"step/{name}": results[name] for name in names}
        # What the next step will use; Adamax's own factor comes on top.
        values["step/warmup"] = min(1.0, step / max(1, self._config.warmup_steps or 0))
        self._log.scalars(values, step)

    def _report_skipped(self, step: int, batch: dict[str, Any], in_a_row: int) -> str:
        """Says which layer went wrong, and returns it; on workers that see it in their images."""
        self.state.skipped.assign_add(1)
        local = {
            name: tf.concat(self._strategy.experimental_local_results(values), axis=0)
            for name, values in batch.items()
        }
        where = first_not_finite(
            self.state.glow, local["image"], local["noise"], local.get("label")
        )
        skipped = int(self.state.skipped)
        self._print(
            f"Step {step} was not applied, as its loss or gradient is not finite: first went wrong "
            f"{where}. Skipped so far: {skipped}, in a row: {in_a_row}."
        )
        return where

    def _diverged(self, step: int, in_a_row: int, where: str) -> TrainingDiverged:
        """The error that says how to go on, from a checkpoint that is still sound."""
        # The weights have been the same since the first of these steps.
        saved = self._checkpoints.remove_from(step - in_a_row)
        start = "the beginning, as none was saved before" if saved is None else f"step {saved}"
        go_on = command(self._run, learning_rate=self._config.learning_rate / 2)
        return TrainingDiverged(
            f"Training stopped at step {step}: {in_a_row} steps in a row had a loss or a gradient "
            f"that is not finite, first in {where}; with half the step size it goes on from "
            f"{start}: {go_on} (a longer --warmup_steps or a --clip_norm may help too)"
        )

    def _print(self, text: str) -> None:
        if self._chief:
            Progress.print(text)


def _sentence(values: dict[str, Any], epochs: int) -> str:
    """An epoch's numbers, for people."""
    parts = [
        f"epoch {values['epoch']}/{epochs}",
        f"step {values['step']}",
        f"train {values['train_bits_per_dim']:.4f}",
    ]
    if "eval_bits_per_dim" in values:
        parts.append(f"eval {values['eval_bits_per_dim']:.4f} bits/dim")
    if np.isfinite(values["images_per_second"]):  # The first step alone, which is traced, has none.
        parts.append(f"{values['images_per_second']:.0f} images/s")
    if not np.isfinite(values["train_bits_per_dim"]) or values["skipped_steps"]:
        parts.append(f"{counted(values['skipped_steps'], 'step')} skipped")
    return " · ".join(parts)
