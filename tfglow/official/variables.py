"""Which variable of the official code is which of ours."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.bijectors import FlowStep, Invertible1x1Conv, ShuffleChannels
from tfglow.glow import Glow
from tfglow.networks import ScaledConv2D, ScaledDense


class Entry(NamedTuple):
    """One of the checkpoint's variables: where it goes (None: nowhere), and how."""

    name: str
    shape: tuple[int, ...]
    variable: tf.Variable | None
    convert: Callable[[np.ndarray], np.ndarray]


def entries(glow: Glow) -> Iterator[Entry]:
    """What a checkpoint of this model's configuration holds."""
    flow = glow.flow
    for level, steps in enumerate(flow.steps):
        for k, step in enumerate(steps):
            yield from _step_entries(f"model/{level}/{k}", step)
    for level, split in enumerate(flow.splits):
        yield from _conv_entries(f"model/pool{level}/conv", split.conv)
    prior = flow.top_prior
    if glow.config.learn_top:
        outputs = 2 * prior.num_channels
        shape = (3, 3, outputs + 1, outputs)
        # The convolution's input is zero but for the edge channel, the last: only that is used.
        edge = Entry("model/prior/p/W", shape, prior.edge_kernel, lambda w: w[:, :, -1:, :])
        yield edge
        yield _flat("model/prior/p/b", (1, 1, 1, outputs), prior.b)
        yield _flat("model/prior/p/logs", (1, outputs), prior.logs)
    if glow.config.num_classes:
        yield from _dense_entries("model/prior/y_emb", prior.label_embedding)
    if glow.classifier is not None:
        yield from _dense_entries("model/classifier", glow.classifier)


def _step_entries(prefix: str, step: FlowStep) -> Iterator[Entry]:
    yield from _actnorm_entries(prefix, step.actnorm.b, step.actnorm.logs)
    yield from _permutation_entries(prefix, step.permutation)
    network = step.coupling.network
    for layer, conv in (("l_1", network.conv_1), ("l_2", network.conv_2)):
        yield _plain(f"{prefix}/f1/{layer}/W", conv.kernel.value)
        yield from _actnorm_entries(f"{prefix}/f1/{layer}", conv.b.value, conv.logs.value)
    yield from _conv_entries(f"{prefix}/f1/l_last", network.conv_last)


def _permutation_entries(prefix: str, permutation: Any) -> Iterator[Entry]:
    if isinstance(permutation, ShuffleChannels):
        yield _plain(f"{prefix}/shuffle/indices", permutation.indices)
        # Determined by `indices`: looked for, not kept.
        inverse = f"{prefix}/shuffle/indices_inverse"
        yield Entry(inverse, tuple(permutation.indices.shape), None, lambda value: value)
    elif isinstance(permutation, Invertible1x1Conv):
        if permutation.parameterization == "full":
            yield _plain(f"{prefix}/invconv/W", permutation.w)
            return
        yield _plain(f"{prefix}/invconv/P", permutation.permutation)
        yield _plain(f"{prefix}/invconv/L", permutation.lower)
        yield _plain(f"{prefix}/invconv/U", permutation.upper)
        yield _plain(f"{prefix}/invconv/sign_S", permutation.sign)
        yield _plain(f"{prefix}/invconv/log_S", permutation.log_s)


def _actnorm_entries(prefix: str, b: tf.Variable, logs: tf.Variable) -> Iterator[Entry]:
    shape = (1, 1, 1, b.shape[0])
    yield _flat(f"{prefix}/actnorm_center/b", shape, b)
    yield _flat(f"{prefix}/actnorm_scale/logs", shape, logs)


def _conv_entries(prefix: str, conv: ScaledConv2D) -> Iterator[Entry]:
    yield _plain(f"{prefix}/W", conv.kernel.value)
    yield _flat(f"{prefix}/b", (1, 1, 1, conv.filters), conv.b.value)
    yield _flat(f"{prefix}/logs", (1, conv.filters), conv.logs.value)


def _dense_entries(prefix: str, dense: ScaledDense) -> Iterator[Entry]:
    yield _plain(f"{prefix}/W", dense.kernel.value)
    yield _flat(f"{prefix}/b", (1, dense.units), dense.b.value)
    yield _flat(f"{prefix}/logs", (1, dense.units), dense.logs.value)


def _plain(name: str, variable: tf.Variable) -> Entry:
    return Entry(name, tuple(variable.shape), variable, lambda value: value)


def _flat(name: str, shape: tuple[int, ...], variable: tf.Variable) -> Entry:
    return Entry(name, shape, variable, lambda value: value.reshape(-1))
