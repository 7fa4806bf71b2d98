"""A flow whose constants are worked out once, for weights that no longer change."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.bijectors import GlowFlow, channel_map, flow_step, gaussian_split, multi_scale
from tfglow.bijectors.channel_map import ChannelMap
from tfglow.bijectors.coupling import Coupling
from tfglow.bijectors.flow_steps import FlowSteps, places_of_steps, sum_of_steps
from tfglow.bijectors.level import Level
from tfglow.bijectors.step_weights import StepWeights
from tfglow.bijectors.whitening import unwhiten, whiten
from tfglow.networks import coupling_network, scaled_conv2d
from tfglow.networks.coupling_network import FoldedNetwork
from tfglow.networks.scaled_conv2d import FoldedConv
from tfglow.ops import pixelwise

# Makes what keeps a constant; `tf.convert_to_tensor` makes a tensor of that again.
Hold = Callable[[tf.Tensor], Any]


def as_variable(constant: tf.Tensor) -> tf.Variable:
    """A variable that is not trained."""
    return tf.Variable(constant, trainable=False)


class FrozenFlow(tf.Module):
    """A `GlowFlow` with everything folded that depends on its weights alone.

    It runs the flow's own functions. The channel maps of each step, the scaled kernels and what the
    image's edge adds are worked out here, in float64, and held as `hold` makes them. Later changes
    of the flow have no effect on it.

    Args:
      flow: The flow.
      dtype: Dtype of the frozen flow, its constants and its log-dets.
      network_dtype: Dtype of the coupling networks' convolutions; None for `dtype`.
      hold: What keeps a constant: `as_variable` for files that hold variables, `tf.identity` for
        tensors, `np.asarray` for what a graph has as constants of its own.

    Raises:
      ValueError: If a weight is not finite, or a step cannot be inverted.
    """

    def __init__(
        self,
        flow: GlowFlow,
        dtype: tf.DType = tf.float32,
        network_dtype: tf.DType | None = None,
        hold: Hold = as_variable,
    ):
        super().__init__(name="flow")
        _check_finite(flow)
        config = flow.config
        self._latent_shapes = tuple(flow.latent_shapes)
        self.levels = []
        for number, level in enumerate(flow.levels):
            height, width, _ = config.level_shape(number)
            steps = FrozenSteps(level.steps, height, width, dtype, network_dtype or dtype, hold)
            split = None
            if level.split is not None:
                conv = scaled_conv2d.fold(
                    _in_float64(level.split.conv.weights), height, width, tf.float64, False
                )
                split = FrozenSplit(_held(conv, dtype, hold))
            self.levels.append(Level(steps, split, name=level.name))
        self.top_prior = FrozenTopPrior(**_held(_top_constants(flow), dtype, hold))

    def forward(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """The latent `[B, D]` and log |det| `[B]` (nats).

        Args:
          x: Continuous images, `[B, H, W, C]`, at least one.
          labels: int `[B]`, in range, for a conditional model.
        """
        return multi_scale.forward(self.levels, self.top_prior, x, labels)[:2]

    def forward_terms(
        self, x: tf.Tensor, labels: tf.Tensor | None = None
    ) -> list[multi_scale.LevelTerms]:
        """What each level adds to the log-likelihood; arguments as for `forward`."""
        return multi_scale.forward_terms(self.levels, self.top_prior, x, labels)

    def inverse(self, latent: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Continuous images `[B, H, W, C]` of latents `[B, D]`; `labels` as for `forward`."""
        return multi_scale.inverse(
            self.levels, self.top_prior, latent, self._latent_shapes, labels
        )[0]


class FrozenStep(NamedTuple):
    """The constants of a flow step: its two channel maps and its network."""

    forward: ChannelMap
    inverse: ChannelMap
    network: FoldedNetwork


class FrozenSteps(tf.Module):
    """`FlowSteps` for images of one size, with their constants worked out.

    Args:
      steps: The flow steps.
      height: H of the steps' events.
      width: W of the steps' events.
      dtype: Dtype of the channel maps and the log-dets.
      network_dtype: Dtype of the coupling networks' convolutions.
      hold: What keeps a constant.

    Raises:
      ValueError: If a step cannot be inverted, or its network is not finite.
    """

    def __init__(
        self,
        steps: FlowSteps,
        height: int,
        width: int,
        dtype: tf.DType,
        network_dtype: tf.DType,
        hold: Hold = as_variable,
    ):
        super().__init__(name=steps.name)
        self.dtype = dtype
        self._coupling: type[Coupling] = steps.coupling_class
        weights = [_in_float64(step) for step in steps.unstacked()]
        self._num_places = height * width
        # Of all channel maps at one place.
        self._log_det = sum(
            float(channel_map.log_abs_det(step.actnorm, step.permutation)) for step in weights
        )
        self.steps = []
        for k, step in enumerate(weights):
            forward, inverse = _channel_maps(step, f"{steps.name}_step{k}")
            network = coupling_network.fold(step.network, height, width, tf.float64, False)
            if not _is_finite(*tf.nest.flatten(network)):
                raise _not_finite(f"The network of {steps.name}_step{k}")
            self.steps.append(
                FrozenStep(
                    _held(forward, dtype, hold),
                    _held(inverse, dtype, hold),
                    _held(network, network_dtype, hold),
                )
            )

    def forward_and_log_det(
        self, x: tf.Tensor, network_dtype: None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """y and log |det|; the networks' dtype is fixed, and `network_dtype` None."""
        x, log_scales = self._forward_in_turn(x)
        return x, self._num_places * self._log_det + sum_of_steps(log_scales, x)

    def forward_and_places(
        self, x: tf.Tensor, network_dtype: None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The frozen `FlowSteps.forward_and_places`; the networks' dtype is fixed."""
        x, log_scales = self._forward_in_turn(x)
        return x, self._log_det + places_of_steps(log_scales, x)

    def inverse_and_log_det(
        self, y: tf.Tensor, network_dtype: None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """x and log |det|; the networks' dtype is fixed, and `network_dtype` None."""
        steps = [(step.inverse, step.network) for step in reversed(self.steps)]
        x, log_scales = self._in_turn(y, flow_step.inverse, steps)
        return x, -self._num_places * self._log_det - sum_of_steps(log_scales, x)

    def _forward_in_turn(self, x):
        steps = [(step.forward, step.network) for step in self.steps]
        return self._in_turn(x, flow_step.forward, steps)

    def _in_turn(
        self,
        x: tf.Tensor,
        run: Callable[..., tuple[tf.Tensor, tf.Tensor | None]],
        steps: Sequence[tuple[ChannelMap, FoldedNetwork]],
    ) -> tuple[tf.Tensor, list[tf.Tensor | None]]:
        """The output of all steps, and the log-scales of each."""
        log_scales = []
        for step in steps:
            (weight, bias), folded = _tensors(step)
            channels = functools.partial(pixelwise.linear, weight=weight, bias=bias)
            network = functools.partial(coupling_network.apply, folded, trainable=False)
            x, log_scale = run(x, channels, self._coupling, network)
            log_scales.append(log_scale)
        return x, log_scales


class FrozenSplit(tf.Module):
    """A `GaussianSplit` with its constants worked out.

    Args:
      conv: The folded convolution.
    """

    def __init__(self, conv: FoldedConv):
        super().__init__(name="split")
        self.conv = conv

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The frozen `GaussianSplit.split`."""
        return gaussian_split.split(x, self._run)

    def merge(self, z1: tf.Tensor, eps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The frozen `GaussianSplit.merge`."""
        return gaussian_split.merge(z1, eps, self._run)

    def _run(self, z1):
        return scaled_conv2d.apply(_tensors(self.conv), z1, trainable=False)


class FrozenTopPrior(tf.Module):
    """A `TopPrior` with its constants worked out.

    Args:
      top: Means, then log-scales, `[1, h, w, 2c]`.
      labels: What each label adds to them, `[num_classes, 2c]`; None without labels.
    """

    def __init__(self, top: Any, labels: Any = None):
        super().__init__(name="top_prior")
        self.top = top
        self.labels = labels

    def whiten(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """The frozen `TopPrior.whiten`."""
        mean, log_scale = self._moments(labels)
        return whiten(z, mean, log_scale), log_scale

    def unwhiten(
        self, eps: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The frozen `TopPrior.unwhiten`."""
        mean, log_scale = self._moments(labels)
        return unwhiten(eps, mean, log_scale), log_scale

    def _moments(self, labels):
        moments = tf.convert_to_tensor(self.top)
        if self.labels is not None:
            moments += tf.gather(self.labels, labels)[:, None, None, :]
        return tf.split(moments, 2, axis=-1)


def _channel_maps(step: StepWeights, name: str) -> tuple[ChannelMap, ChannelMap]:
    singular = ValueError(f"{name} cannot be inverted: its ActNorm or permutation is singular.")
    try:
        forward = ChannelMap.forward(step.actnorm, step.permutation)
        inverse = ChannelMap.inverse(step.actnorm, step.permutation)
    except tf.errors.InvalidArgumentError as error:
        raise singular from error
    if not _is_finite(*forward, *inverse):
        raise singular
    return forward, inverse


def _top_constants(flow: GlowFlow) -> dict[str, tf.Tensor]:
    """The arguments of `FrozenTopPrior`, float64."""
    height, width, _ = flow.config.level_shape(flow.config.levels - 1)
    labels = np.arange(flow.config.num_classes) if flow.config.num_classes else None
    prior = flow.top_prior.copy(dtype=tf.float64)
    for name, variable in flow.top_prior.named_variables.items():
        prior.named_variables[name].assign(tf.cast(variable, tf.float64))
    moments = tf.concat(prior.mean_and_log_scale(height, width, labels), axis=-1)
    constants = {"top": tf.broadcast_to(moments[:1], [1, height, width, moments.shape[-1]])}
    if labels is not None:
        # What a label adds is the same at every pixel, and here counted from the first label.
        constants["labels"] = moments[:, 0, 0] - moments[0, 0, 0]
    return constants


def _check_finite(flow: GlowFlow) -> None:
    for steps in flow.steps:
        for name, variable in steps.named_variables.items():
            for k, value in enumerate(variable.numpy()):
                if not _is_finite(value):
                    raise _not_finite(f"The weight {name!r} of {steps.name}_step{k}")
    for name, variable in flow.named_variables.items():
        if not _is_finite(variable):
            raise _not_finite(f"The weight {name!r}")


def _not_finite(what: str) -> ValueError:
    return ValueError(f"{what} is not finite: the training run diverged.")


def _is_finite(*tensors: Any) -> bool:
    """Whether every value is a finite number in float32."""
    largest = np.finfo(np.float32).max
    return all(np.all(np.abs(np.asarray(tensor)) <= largest) for tensor in tensors)


def _in_float64(weights):
    """Weights as float64 tensors; integers as they are."""

    def convert(value):
        value = tf.convert_to_tensor(value)
        return tf.cast(value, tf.float64) if value.dtype.is_floating else value

    return tf.nest.map_structure(convert, weights)


def _held(values, dtype, hold):
    """A structure of constants as one of what holds them."""
    return tf.nest.map_structure(lambda value: hold(tf.cast(value, dtype)), values)


def _tensors(held):
    """A structure of what holds constants as one of tensors: in a graph, reads or constants."""
    return tf.nest.map_structure(tf.convert_to_tensor, held)
