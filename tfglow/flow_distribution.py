"""A transformed distribution whose likelihoods take one pass."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfglow.bijectors import OnePassBijector, ReverseChannels
from tfglow.distribution_recipe import DistributionRecipe

# `tfb.Invert` and `tfb.Chain` make objects of their base classes where a part is no composite
# tensor, as none of ours is.
_INVERT = type(tfb.Invert(ReverseChannels()))
_CHAIN = type(tfb.Chain([ReverseChannels()]))


class FlowDistribution(tfd.TransformedDistribution):
    """A `tfd.TransformedDistribution` that runs every layer once for a likelihood.

    log p(y) = log p_base(x) + log |det dx/dy|, x = bijector⁻¹(y). Each of tfglow's bijectors, also
    inside `tfb.Invert` and `tfb.Chain`, computes both in one pass. TFP's own class asks for x and
    for the log-det separately, and a cache of the bijector's saves the second pass; that cache
    would also answer with values that a changed variable has made stale.

    Args:
      distribution: The base, such as a standard Gaussian.
      bijector: The bijector from the base's events to data.
      **kwargs: The other arguments of `tfd.TransformedDistribution`, such as `name`.

    Example:
      >>> base = tfd.Sample(tfd.Normal(0.0, 1.0), [2, 2, 1])
      >>> flow = tfglow.FlowDistribution(base, tfb.Invert(tfglow.bijectors.ActNorm(1)))
      >>> x = tf.zeros([1, 2, 2, 1])
      >>> flow.log_prob(x).numpy().round(3)  # −½·4·ln 2π: the layer starts as the identity.
      array([-3.676], dtype=float32)
      >>> flow.sample(3).shape
      TensorShape([3, 2, 2, 1])
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (DistributionRecipe.of(self),)

    def _log_prob(self, y, distribution_kwargs=None, bijector_kwargs=None):
        if not isinstance(self.event_shape, tf.TensorShape):
            # Of several parts: there is no layer of tfglow's that takes them.
            given = {"distribution_kwargs": distribution_kwargs, "bijector_kwargs": bijector_kwargs}
            return super()._log_prob(y, **{k: v for k, v in given.items() if v is not None})
        x, log_det = inverse_and_log_det(self.bijector, y, self._event_ndims(), bijector_kwargs)
        base = self.distribution.log_prob(x, **(distribution_kwargs or {}))
        return base + tf.cast(log_det, base.dtype)

    def _sample_and_log_prob(
        self, sample_shape, seed, distribution_kwargs=None, bijector_kwargs=None
    ):
        if not isinstance(self.event_shape, tf.TensorShape):
            given = {"distribution_kwargs": distribution_kwargs, "bijector_kwargs": bijector_kwargs}
            given = {k: v for k, v in given.items() if v is not None}
            return super()._sample_and_log_prob(sample_shape, seed, **given)
        x, base = self.distribution.experimental_sample_and_log_prob(
            sample_shape, seed=seed, **(distribution_kwargs or {})
        )
        ndims = self.distribution.event_shape.rank
        y, log_det = forward_and_log_det(self.bijector, x, ndims, bijector_kwargs)
        return y, base - tf.cast(log_det, base.dtype)

    def _event_ndims(self):
        return self.event_shape.rank


def _made_again(recipe):
    return recipe.made()


def forward_and_log_det(
    bijector: tfb.Bijector, x: tf.Tensor, event_ndims: int, kwargs: dict[str, Any] | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """y and log |det dy/dx| (nats) of any bijector, in one pass where its layers have one.

    Args:
      bijector: A bijector of tfglow or TFP, also `tfb.Invert` and `tfb.Chain` of such.
      x: The input.
      event_ndims: Dimensions of an event of `x`.
      kwargs: Further arguments of the bijector's maps; for a chain, by the names of its parts.
    """
    kwargs = kwargs or {}
    if isinstance(bijector, _INVERT):
        return inverse_and_log_det(bijector.bijector, x, event_ndims, kwargs)
    if isinstance(bijector, _CHAIN):
        return _in_turn(forward_and_log_det, reversed(bijector.bijectors), x, event_ndims, kwargs)
    if isinstance(bijector, OnePassBijector):
        y, log_det = bijector.forward_and_log_det(x, **kwargs)
        return y, _over_event(log_det, x, bijector.forward_min_event_ndims, event_ndims)
    # A tensor that TFP's cache has never seen: for one that it knows, it answers with what a
    # variable was then.
    x = tf.identity(x)
    y = bijector.forward(x, **kwargs)
    return y, bijector.forward_log_det_jacobian(x, event_ndims, **kwargs)


def inverse_and_log_det(
    bijector: tfb.Bijector, y: tf.Tensor, event_ndims: int, kwargs: dict[str, Any] | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """x and log |det dx/dy| (nats); see `forward_and_log_det`."""
    kwargs = kwargs or {}
    if isinstance(bijector, _INVERT):
        return forward_and_log_det(bijector.bijector, y, event_ndims, kwargs)
    if isinstance(bijector, _CHAIN):
        return _in_turn(inverse_and_log_det, bijector.bijectors, y, event_ndims, kwargs)
    if isinstance(bijector, OnePassBijector):
        x, log_det = bijector.inverse_and_log_det(y, **kwargs)
        return x, _over_event(log_det, y, bijector.inverse_min_event_ndims, event_ndims)
    y = tf.identity(y)
    x = bijector.inverse(y, **kwargs)
    return x, bijector.inverse_log_det_jacobian(y, event_ndims, **kwargs)


def _in_turn(direction, bijectors, x, event_ndims, kwargs):
    total = 0.0
    for bijector in bijectors:
        batch_ndims = x.shape.rank - event_ndims
        x, log_det = direction(bijector, x, event_ndims, kwargs.get(bijector.name))
        total += log_det
        event_ndims = x.shape.rank - batch_ndims
    return x, total


def _over_event(log_det, x, min_event_ndims, event_ndims):
    """The log-det of an event of more dimensions than the bijector's own."""
    extra = event_ndims - min_event_ndims
    if extra < 0:
        raise ValueError(
            f"An event must have at least {min_event_ndims} dimensions for this bijector, got "
            f"{event_ndims}: give a base whose events have as many, such as `tfd.Sample`."
        )
    if not extra:
        return log_det
    shape = tf.shape(x)[: x.shape.rank - min_event_ndims]
    return tf.reduce_sum(tf.broadcast_to(log_det, shape), axis=list(range(-extra, 0)))
