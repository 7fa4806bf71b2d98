"""The step size's schedule."""

from typing import Any

import tensorflow as tf

from tfglow.keras_backend import keras


@keras.saving.register_keras_serializable(package="tfglow_train")
class LinearWarmup(keras.optimizers.schedules.LearningRateSchedule):
    """learning_rate · min(1, step / warmup_steps), in float64.

    `step` counts the updates before this one, so that the first step size is 0, as in the official
    code: that step only fills the optimizer's moments.
    """

    def __init__(self, learning_rate: float, warmup_steps: int):
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        learning_rate = tf.constant(self.learning_rate, tf.float64)
        if not self.warmup_steps:
            return learning_rate
        fraction = tf.cast(step, tf.float64) / self.warmup_steps
        return learning_rate * tf.minimum(tf.ones([], tf.float64), fraction)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, for Keras."""
        return {"learning_rate": self.learning_rate, "warmup_steps": self.warmup_steps}
