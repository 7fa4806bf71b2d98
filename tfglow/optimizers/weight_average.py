"""The moving average of a model's weights."""

import tensorflow as tf

from tfglow.keras_backend import keras


class WeightAverage:
    """An exponential moving average of a model's weights, kept in a second model.

    Update t = 1, 2, … moves the average towards the weights wₜ:

        average ← average + rₜ·(wₜ − average),  rₜ = (1 − d)/(1 − dᵗ)

    After t updates it is Σₖ dᵗ⁻ᵏ·wₖ / Σₖ dᵗ⁻ᵏ over k = 1 … t: the official code's average with zero
    debiasing (openai/glow, `optim.py`; Kingma & Ba 2015, section 3). Its horizon, 1/rₜ updates, is
    nearly t at first, so that a run that is shorter than 1/(1 − d) averages over all that it went
    through. With a `share` s the horizon is at most the share s of the updates so far:

        rₜ = max((1 − d)/(1 − dᵗ), min(1, 1/(s·t)))

    While the second term is the larger, wₖ has the weight ≈ (k/t)^(1/s)/(s·k) of polynomial-decay
    averaging (Shamir & Zhang 2013, section 4), whose mean age is t·s/(1 + s) updates. From about
    1/(s·(1 − d)) updates on the rule is the official one.

    The averages are the weights of `average`, a model built like `model`: evaluate, sample from
    and export that one. Nothing is swapped, and `model` keeps its own. To save and restore, give
    `count` and `average` to `tf.train.Checkpoint`.

    Create it and both models in the same strategy's scope; call `update` outside of the replicas.

    Args:
      model: The model that is trained.
      average: Another one of the same configuration.
      decay: d, in [0, 1); the official code takes 1 − 1/(steps an epoch of 50,000 images).
      share: s, in (0, 1]; None for the official rule.

    Raises:
      ValueError: If `decay` or `share` is out of range, or the two models' weights differ in shape.

    Example:
      >>> build = lambda: keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
      >>> model, average = build(), build()
      >>> averaging = tfglow.optimizers.WeightAverage(model, average, decay=0.5)
      >>> for value in (1.0, 4.0):
      ...     _ = model.layers[0].kernel.assign([[value]])
      ...     averaging.update()
      >>> average.layers[0].kernel.numpy()  # (0.5·1 + 4) / (0.5 + 1)
      array([[3.]], dtype=float32)
    """

    def __init__(
        self,
        model: keras.Model,
        average: keras.Model,
        decay: float,
        share: float | None = None,
    ):
        if not 0 <= decay < 1:
            raise ValueError(f"`decay` must be in [0, 1), got {decay!r}.")
        if share is not None and not 0 < share <= 1:
            raise ValueError(f"`share` must be in (0, 1] or None, got {share!r}.")
        shapes, average_shapes = ([tuple(v.shape) for v in m.weights] for m in (model, average))
        if shapes != average_shapes or model is average:
            raise ValueError(
                f"`average` must be another model with the same weights as `model`: {model.name} "
                f"has {len(shapes)}, {average.name} has {len(average_shapes)}, and their shapes "
                "are to be equal in order."
            )
        self.decay = decay
        self.share = share
        self._strategy = tf.distribute.get_strategy()
        # t, the number of updates.
        self.count = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="count",
        )
        self._weights = _values(model.weights)
        self._average_weights = _values(average.weights)
        trained = _values(average.trainable_variables), _values(model.trainable_variables)
        self._pairs = list(zip(*trained, strict=True))

    def reset(self) -> None:
        """Starts anew: the average is the model as it is, of 0 updates."""
        self.count.assign(0)
        for average, value in zip(self._average_weights, self._weights, strict=True):
            average.assign(value)

    def update(self, condition: bool | tf.Tensor = True) -> None:
        """Takes the model's weights into the average, if `condition`; else changes nothing."""
        with self._strategy.scope():
            self.count.assign_add(tf.cast(condition, self.count.dtype))
        rate = self._rate(tf.cast(self.count, tf.float64))
        rate = tf.where(condition, rate, tf.zeros_like(rate))  # t may be 0, and the rate nan.
        rates = {dtype: tf.cast(rate, dtype) for dtype in {a.dtype for a, _ in self._pairs}}
        extended = self._strategy.extended
        for average, value in self._pairs:
            extended.update(average, _approach, (value, rates[average.dtype]), group=False)

    def _rate(self, t: tf.Tensor) -> tf.Tensor:
        """rₜ, in float64: 1 − dᵗ is a small difference at first."""
        d = tf.constant(self.decay, tf.float64)
        rate = (1.0 - d) / (1.0 - tf.pow(d, t))
        if self.share is None:
            return rate
        return tf.maximum(rate, 1.0 / tf.maximum(self.share * t, 1.0))


def _approach(average, value, rate):
    """average ← average − rate·(average − value), in one operation without a copy."""
    tf.raw_ops.ResourceApplyGradientDescent(
        var=average.handle, alpha=rate, delta=average - tf.convert_to_tensor(value)
    )


def _values(variables):
    return [v.value if isinstance(v, keras.Variable) else v for v in variables]
