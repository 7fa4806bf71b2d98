"""The official code's variables, and those of ours that hold the same."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.bijectors import FlowSteps
from tfglow.bijectors.channel_map import ActNormWeights, PermutationWeights
from tfglow.bijectors.invertible_1x1_conv import FullWeights, LUWeights
from tfglow.bijectors.shuffle_channels import ChannelOrder
from tfglow.glow import Glow
from tfglow.networks.scaled_conv2d import ConvWeights

# What a 1×1 convolution's factors are called, here and there.
_LU = {"permutation": "P", "lower": "L", "upper": "U", "sign": "sign_S", "log_s": "log_S"}


class Entry(NamedTuple):
    """One of the checkpoint's variables: where it goes (None: nowhere), and how."""

    name: str
    shape: tuple[int, ...]
    variable: tf.Variable | None
    convert: Callable[[np.ndarray], np.ndarray]
    # Which of the steps whose values are stacked in `variable`; None where it holds one value.
    step: int | None = None


def entries(glow: Glow) -> Iterator[Entry]:
    """What a checkpoint of this model's configuration holds."""
    for number, level in enumerate(glow.flow.levels):
        for k in range(len(level.steps)):
            for entry in _step_entries(f"model/{number}/{k}", level.steps):
                yield entry._replace(step=k)
        if level.split is not None:
            yield from _scaled_entries(f"model/pool{number}/conv", level.split.conv.weights)
    prior = glow.flow.top_prior
    if prior.learn_top:
        outputs = 2 * prior.num_channels
        shape = (3, 3, outputs + 1, outputs)
        # The convolution's input is zero but for the edge channel, the last: only that is used.
        yield Entry("model/prior/p/W", shape, prior.edge_kernel, lambda w: w[:, :, -1:, :])
        yield _flat("model/prior/p/b", (1, 1, 1, outputs), prior.b)
        yield _flat("model/prior/p/logs", (1, outputs), prior.logs)
    if prior.num_classes:
        embedding = ConvWeights(**prior.label_embedding.named_variables)
        yield from _scaled_entries("model/prior/y_emb", embedding, b_rank=2)
    if glow.classifier is not None:
        classifier = ConvWeights(**glow.classifier.named_variables)
        yield from _scaled_entries("model/classifier", classifier, b_rank=2)


def _step_entries(prefix: str, steps: FlowSteps) -> Iterator[Entry]:
    """The entries of one of the steps; their variables hold those of all steps."""
    weights = steps.weights
    yield from _actnorm_entries(prefix, weights.actnorm)
    yield from _permutation_entries(prefix, weights.permutation)
    network = weights.network
    for layer, conv in (("l_1", network.conv_1), ("l_2", network.conv_2)):
        yield _plain(f"{prefix}/f1/{layer}/W", conv.kernel)
        yield from _actnorm_entries(f"{prefix}/f1/{layer}", ActNormWeights(conv.b, conv.logs))
    yield from _scaled_entries(f"{prefix}/f1/l_last", network.conv_last, stacked=True)


def _permutation_entries(prefix: str, weights: PermutationWeights) -> Iterator[Entry]:
    if isinstance(weights, LUWeights):
        for field, name in _LU.items():
            yield _plain(f"{prefix}/invconv/{name}", getattr(weights, field))
    elif isinstance(weights, FullWeights):
        yield _plain(f"{prefix}/invconv/W", weights.w)
    elif isinstance(weights, ChannelOrder) and isinstance(weights.indices, tf.Variable):
        yield _plain(f"{prefix}/shuffle/indices", weights.indices)
        # Determined by `indices`: looked for, not kept.
        inverse = f"{prefix}/shuffle/indices_inverse"
        yield Entry(inverse, tuple(weights.indices.shape[1:]), None, lambda value: value)


def _actnorm_entries(prefix: str, weights: ActNormWeights) -> Iterator[Entry]:
    shape = (1, 1, 1, weights.b.shape[-1])
    yield _flat(f"{prefix}/actnorm_center/b", shape, weights.b)
    yield _flat(f"{prefix}/actnorm_scale/logs", shape, weights.logs)


def _scaled_entries(
    prefix: str, weights: ConvWeights, b_rank: int = 4, stacked: bool = False
) -> Iterator[Entry]:
    """The entries of a zero-initialised convolution, or with `b_rank` 2 of a linear map."""
    shape = tuple(weights.kernel.shape[1 if stacked else 0 :])
    yield Entry(f"{prefix}/W", shape, weights.kernel, lambda value: value)
    filters = weights.b.shape[-1]
    yield _flat(f"{prefix}/b", (*[1] * (b_rank - 1), filters), weights.b)
    yield _flat(f"{prefix}/logs", (1, filters), weights.logs)


def _plain(name: str, variable: tf.Variable) -> Entry:
    """The entry for a variable that holds the values of all steps."""
    return Entry(name, tuple(variable.shape[1:]), variable, lambda value: value)


def _flat(name: str, shape: tuple[int, ...], variable: tf.Variable) -> Entry:
    return Entry(name, shape, variable, lambda value: value.reshape(-1))
