"""Weights of a model in a checkpoint."""

import dataclasses

import tensorflow as tf

from tfglow.config import GlowConfig
from tfglow.glow import Glow
from tfglow.runs.checkpoints import AVERAGE, MODEL, checkpoint_step, restore_checkpoint


@dataclasses.dataclass(frozen=True)
class SavedWeights:
    """Weights that a run saved, found but not read yet.

    Made by `RunFolder.saved_weights` and `RunFolder.find_weights`.

    Example:
      >>> run = tfglow.runs.RunFolder.create("saved", {"model": glow.config.to_dict()})
      >>> run.save_glow(glow, step=7)
      >>> weights = run.saved_weights()["raw"]
      >>> weights.kind, weights.step
      ('raw', 7)
    """

    #: The model's configuration.
    config: GlowConfig
    #: Prefix of the checkpoint's files.
    prefix: str
    #: "averaged" or "raw".
    kind: str

    @property
    def step(self) -> int:
        """The training step after which they were saved."""
        return checkpoint_step(self.prefix)

    def load(self, precision: str | None = None) -> Glow:
        """A model with these weights, made under the distribution strategy that is current.

        Args:
          precision: The model's `GlowConfig.precision`; by default the run's. The weights are the
            same.

        Raises:
          CheckpointError: If the checkpoint is damaged, or of another model.
        """
        config = self.config
        if precision is not None:
            config = dataclasses.replace(config, precision=precision)
        glow = Glow(config)
        name = {"averaged": AVERAGE, "raw": MODEL}[self.kind]
        restore_checkpoint(tf.train.Checkpoint(**{name: glow}), self.prefix)
        return glow
