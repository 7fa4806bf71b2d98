"""The weights of flow steps: those of one step, or of K steps, stacked."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.bijectors.channel_map import ActNormWeights, PermutationWeights
from tfglow.bijectors.invertible_1x1_conv import FIXED, WEIGHTS
from tfglow.bijectors.shuffle_channels import ChannelOrder
from tfglow.networks import coupling_network
from tfglow.networks.coupling_network import NetworkWeights


class StepWeights(NamedTuple):
    """What a flow step computes with, or K of them, `[K, ...]`."""

    actnorm: ActNormWeights
    permutation: PermutationWeights
    network: NetworkWeights

    @classmethod
    def initial(
        cls,
        num_channels: int,
        outputs: int,
        width: int,
        permutation: str,
        parameterization: str,
        seed: int,
    ) -> "StepWeights":
        """The weights that a step starts with, as arrays.

        Args:
          num_channels: C, the channels of an event.
          outputs: Channels that the coupling's network returns.
          width: Channels of its hidden layers.
          permutation: "invertible_1x1_conv", "shuffle" or "reverse".
          parameterization: "lu" or "full": how a 1×1 convolution holds its matrix.
          seed: Seed of all that is drawn.
        """
        channels: PermutationWeights
        if permutation == "invertible_1x1_conv":
            channels = WEIGHTS[parameterization].initial(num_channels, seed)
        elif permutation == "shuffle":
            channels = ChannelOrder.random(num_channels, seed)
        else:
            channels = ChannelOrder.reverse(num_channels)
        zeros = np.zeros([num_channels], np.float32)
        network = coupling_network.initial_weights(num_channels // 2, outputs, width, seed)
        return cls(ActNormWeights(zeros, zeros), channels, network)


def as_variables(values: Any, dtype: tf.DType, name: str | None = None) -> Any:
    """A structure of arrays as one of variables, each named by its field."""
    if hasattr(values, "_asdict"):
        fields = values._asdict().items()
        return type(values)(*(as_variables(value, dtype, field) for field, value in fields))
    if name == "indices":
        return tf.Variable(values, trainable=False, name=name)
    return tf.Variable(values, trainable=name not in FIXED, dtype=dtype, name=name)


def named_variables(weights: Any, prefix: str = "") -> Iterator[tuple[str, tf.Variable]]:
    """The variables of a structure with their paths, such as `network/conv_1/kernel`."""
    for field, value in zip(weights._fields, weights, strict=True):
        if isinstance(value, tuple):
            yield from named_variables(value, f"{prefix}{field}/")
        elif isinstance(value, tf.Variable):
            yield f"{prefix}{field}", value


def unstacked(stacked: Any) -> list[Any]:
    """K structures of one of `[K, ...]`. The slices share its memory where that is aligned."""
    slices = [tf.unstack(tf.convert_to_tensor(value)) for value in tf.nest.flatten(stacked)]
    return [tf.nest.pack_sequence_as(stacked, list(step)) for step in zip(*slices, strict=True)]
