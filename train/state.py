"""What a run consists of: models, optimizer, progress."""

import tensorflow as tf

from tfglow import Glow
from tfglow.keras_backend import keras
from tfglow.optimizers import FusedAdam, FusedOptimizer, OfficialAdamax
from tfglow.optimizers.weight_average import WeightAverage
from tfglow.runs.checkpoints import AVERAGE, MODEL
from tfglow.transfer import Transfer, transfer_weights
from train import strategies
from train.config import TrainConfig
from train.schedule import LinearWarmup


class TrainState:
    """Everything that a run changes, and that its checkpoints hold.

    Attributes:
      glow: The model that is trained.
      average: The model whose weights are the average of glow's; `glow` itself without averaging.
      optimizer: A Keras optimizer, built.
      weight_average: What keeps `average`; None without averaging.
      step: Training steps so far, int64; those that were skipped count.
      skipped: Steps that were not applied, int64.
      best: The lowest evaluation so far, bits per dimension, float64.
      train_means: Means of the current epoch's steps, by name.

    Args:
      config: The run's, `resolved`.
      strategy: The strategy in whose scope the models' variables are made.
    """

    def __init__(self, config: TrainConfig, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self.weight_average = None
        with strategy.scope():
            self.glow = Glow(config.model, name=MODEL)
            self.optimizer = make_optimizer(config)
            self.optimizer.build(self.glow.trainable_variables)
            self.average = self.glow
            if config.average_decay:
                self.average = Glow(config.model, name=AVERAGE)
                self.weight_average = WeightAverage(
                    self.glow, self.average, config.average_decay, config.average_share
                )
        # Every process has its own, with the same values.
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.skipped = tf.Variable(0, dtype=tf.int64, trainable=False, name="skipped")
        self.best = tf.Variable(float("inf"), dtype=tf.float64, trainable=False, name="best")
        names = ["loss", "bits_per_dim"]
        names += ["class_bits", "accuracy"] if config.model.weight_y else []
        self.train_means = {name: keras.metrics.Mean(name=name) for name in names}

    def checkpoint(self, with_average: bool = True) -> tf.train.Checkpoint:
        """All of it, to be saved or restored; the average of the weights may be left out."""
        parts = {
            MODEL: self.glow,
            "optimizer": self.optimizer,
            "step": self.step,
            "skipped": self.skipped,
            "best": self.best,
            # Keras's metrics are no trackables, their variables are.
            "train_means": {name: mean.variables for name, mean in self.train_means.items()},
        }
        if with_average and self.weight_average is not None:
            parts |= {AVERAGE: self.average, "average_count": self.weight_average.count}
        return tf.train.Checkpoint(**parts)

    def initialize(self, batch: dict[str, tf.Tensor]) -> None:
        """Data-dependent initialisation, the same for every replica of every worker."""
        self.glow.initialize(batch["image"], batch.get("label"))
        if strategies.num_workers(self._strategy) > 1:
            self._take_first_replica()
        if self.weight_average is not None:
            self.weight_average.reset()

    def initialize_from(self, source: Glow, same_classes: bool) -> Transfer:
        """Starts from the weights of a trained model; no layer is initialised on data.

        Args:
          source: The model.
          same_classes: Whether its classes are those of this run.

        Raises:
          ValueError: If the weights do not fit.
        """
        transfer = transfer_weights(source, self.glow, classes=same_classes)
        if self.weight_average is not None:
            self.weight_average.reset()
        return transfer

    def _take_first_replica(self):
        """Gives every worker the first one's weights: their arithmetic may differ in a last bit."""
        variables = [v.value for v in self.glow.weights]

        def first():
            context = tf.distribute.get_replica_context()
            is_first = context.replica_id_in_sync_group == 0
            mine = [tf.where(is_first, v, tf.zeros_like(v)) for v in variables]
            return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

        values = tf.function(lambda: self._strategy.run(first))()
        for variable, value in zip(variables, values, strict=True):
            variable.assign(self._strategy.experimental_local_results(value)[0])


def make_optimizer(config: TrainConfig) -> FusedOptimizer:
    """The optimizer that a configuration names, with its warm-up.

    Raises:
      ValueError: If the configuration is not `resolved`.
    """
    if config.warmup_steps is None or config.beta_2 is None:
        raise ValueError(
            "The optimizer needs a resolved configuration, got "
            f"warmup_steps = {config.warmup_steps} and beta_2 = {config.beta_2}."
        )
    schedule = LinearWarmup(config.learning_rate, config.warmup_steps)
    optimizer_class = {"adam": FusedAdam, "adamax": OfficialAdamax}[config.optimizer]
    return optimizer_class(
        schedule, beta_1=config.beta_1, beta_2=config.beta_2, epsilon=1e-8, name=config.optimizer
    )
