"""The flow steps of a level, whose weights are stacked."""

import contextlib
import contextvars
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfglow.bijectors import channel_map, flow_step
from tfglow.bijectors.actnorm import ActNorm
from tfglow.bijectors.additive_coupling import AdditiveCoupling
from tfglow.bijectors.affine_coupling import AffineCoupling
from tfglow.bijectors.channel_map import ActNormWeights, ChannelMap
from tfglow.bijectors.coupling import Coupling
from tfglow.bijectors.flow_step import FlowStep
from tfglow.bijectors.invertible_1x1_conv import Invertible1x1Conv
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.bijectors.recompute import recomputed
from tfglow.bijectors.reverse_channels import ReverseChannels
from tfglow.bijectors.shuffle_channels import ShuffleChannels
from tfglow.bijectors.step_weights import (
    StepWeights,
    as_variables,
    named_variables,
    unstacked,
)
from tfglow.checks import check_bool, check_integer, check_positive_integer, check_rows
from tfglow.config import COUPLINGS, PARAMETERIZATIONS, PERMUTATIONS
from tfglow.networks import CouplingNetwork, coupling_network
from tfglow.networks.scale import data_dependent_shift_and_log_scale
from tfglow.ops import shapes
from tfglow.ops.convolution import looped_convolution
from tfglow.ops.own_graph import own_graph
from tfglow.ops.scan import scan as scan_steps

# From so many steps on each is a call in the graph, which otherwise takes in a copy of every one.
# Measured at 32 steps of width 512 on two cores: the graph is optimized in 3 s in place of 10, the
# peak memory of training is lower by a tenth, and a step takes at most 1.03 times as long.
_MANY_STEPS = 16
# Whether fewer steps are calls too, in what this thread traces.
_AS_CALLS = contextvars.ContextVar("as_calls", default=False)
_COUPLINGS: dict[str, type[Coupling]] = {"affine": AffineCoupling, "additive": AdditiveCoupling}


class _StepFunctions(NamedTuple):
    """One step as traced functions of its weights."""

    forward: Callable[..., Any]
    inverse: Callable[..., Any]


@contextlib.contextmanager
def steps_as_calls() -> Iterator[None]:
    """Around tracing: `FlowSteps` put calls of their step into the graph, however few they are.

    TensorFlow then has less to rewrite before the graph's first run. Measured at three levels of 8
    steps, width 128: 0.6 s until the first likelihood in place of 0.95, and the runs after it take
    as long. A training step's first takes 0.5 s less, but each after it 1.05 to 1.09 times as long.
    """
    token = _AS_CALLS.set(True)
    try:
        yield
    finally:
        _AS_CALLS.reset(token)


class FlowSteps(OnePassBijector):
    """K flow steps in a row, on `[H, W, C]`; log |det| is the sum of theirs.

    The weights of the steps are stacked: one variable of each kind, `[K, ...]`. A step is one
    function of its weights that is traced once and called K times, eagerly and in a graph. The
    channel maps of all steps are worked out together; the scaled kernels of a step are worked out
    inside it, where they are still in the processor's cache. `steps[k]` is a view of one step: a
    `FlowStep` with the values that its weights have at that moment.

    Args:
      num_steps: K.
      num_channels: C, the channels of an event, even.
      coupling: "affine" or "additive".
      permutation: "invertible_1x1_conv", "shuffle" or "reverse".
      parameterization: "lu" or "full": how a 1×1 convolution holds its matrix.
      width: Channels of the coupling networks' hidden layers.
      seed: Seed of the first step's initial weights; step k takes `seed` + k.
      recompute: Whether the backward pass computes the inside of a step again. The forward pass
        then keeps only the steps' inputs.
      scan: Whether the steps are a loop, in graphs too, so that XLA compiles one step and not K.
        Its backward pass is as with `recompute`.
      network_dtype: Dtype of the coupling networks' arithmetic, where a call gives none.
      dtype: Dtype of the weights and of the event.
      validate_args: Whether to check at run time that the input of every step is finite.
      name: Name of the bijector; `steps[k]` appends `_step{k}`.

    Raises:
      ValueError: If a count is not positive, `num_channels` is odd, there is no such coupling or
        permutation, or a batch to initialise on has no rows.

    Example:
      >>> steps = tfglow.bijectors.FlowSteps(num_steps=2, num_channels=4, width=8)
      >>> x = tf.random.stateless_normal([2, 4, 4, 4], seed=[1, 2])
      >>> y = steps.initialize(x)
      >>> bool(np.allclose(steps.inverse(y), x, atol=1e-4))
      True
      >>> len(steps), steps[1].name
      (2, 'flow_steps_step1')
    """

    num_channels: int  # Never None here.

    def __init__(
        self,
        num_steps: int,
        num_channels: int,
        coupling: str = "affine",
        permutation: str = "invertible_1x1_conv",
        parameterization: str = "lu",
        width: int = 512,
        seed: int = 0,
        recompute: bool = False,
        scan: bool = False,
        network_dtype: tf.DType | None = None,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "flow_steps",
    ):
        parameters = dict(locals())
        super().__init__(
            parameters=parameters,
            num_channels=num_channels,
            dtype=dtype,
            validate_args=validate_args,
            name=name,
        )
        for field, value, choices in (
            ("coupling", coupling, COUPLINGS),
            ("permutation", permutation, PERMUTATIONS),
            ("parameterization", parameterization, PARAMETERIZATIONS),
        ):
            if value not in choices:
                raise ValueError(
                    f"`{field}` of {name} must be one of {', '.join(choices)}; got {value!r}."
                )
        num_channels = self.num_channels
        num_steps = check_positive_integer("num_steps", num_steps, name)
        width = check_positive_integer("width", width, name)
        seed = check_integer("seed", seed, 0, name)
        recompute = check_bool("recompute", recompute, name)
        self._scans = check_bool("scan", scan, name)
        if num_channels % 2:
            raise ValueError(f"`num_channels` of {name} must be even, got {num_channels!r}.")
        self.coupling_class = _COUPLINGS[coupling]
        self.width = width
        self.network_dtype = tf.as_dtype(network_dtype or dtype)
        self._num_steps = num_steps
        self._permutation = permutation
        self._parameterization = parameterization
        outputs = num_channels // 2 * self.coupling_class.outputs_per_channel
        initial = [
            StepWeights.initial(
                num_channels, outputs, width, permutation, parameterization, seed + k
            )
            for k in range(num_steps)
        ]
        stacked = tf.nest.map_structure(lambda *values: np.stack(values), *initial)
        self.weights = as_variables(stacked, self.dtype)
        if permutation == "reverse":  # A constant: nothing to save.
            self.weights = self.weights._replace(permutation=stacked.permutation)
        # Functions of weights, which hold none: for all steps, and all replicas. A second batch
        # size is traced as any batch size.
        trace = functools.partial(own_graph, reduce_retracing=True)
        call = functools.partial(trace, experimental_attributes={"_noinline": True})
        if scan:  # A loop holds one step, and computes it again itself.
            call = trace
        elif num_steps >= _MANY_STEPS or recompute:
            # (In a copy, the graph's optimizer finds what it is to compute again, and keeps it.)
            trace = call
        wrap = recomputed if recompute and not scan else lambda function: function
        forward, inverse = wrap(self._forward_step), wrap(self._inverse_step)
        self._called = self._copied = _StepFunctions(call(forward), call(inverse))
        if trace is not call:
            self._copied = _StepFunctions(trace(forward), trace(inverse))

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Every variable by its kind: `actnorm/logs`, `network/conv_1/kernel`; each `[K, ...]`."""
        return dict(named_variables(self.weights))

    def __len__(self) -> int:
        return self._num_steps

    def __getitem__(self, k: int) -> FlowStep:
        """A view of one step, with the values that its weights have now."""
        k = operator.index(k)
        if not -len(self) <= k < len(self):
            raise IndexError(f"{self.name} has {len(self)} steps, got {k}.")
        k %= len(self)
        weights = tf.nest.map_structure(lambda value: tf.convert_to_tensor(value)[k], self.weights)
        name = f"{self.name}_step{k}"
        common = {"dtype": self.dtype, "validate_args": self.validate_args}
        network = CouplingNetwork(
            self.num_channels // 2,
            self.num_channels // 2 * self.coupling_class.outputs_per_channel,
            self.width,
            dtype=self.dtype,
            compute_dtype=self.network_dtype,
            weights=weights.network,
            name=f"{name}_network",
        )
        coupling_name = next(n for n, c in _COUPLINGS.items() if c is self.coupling_class)
        return FlowStep(
            ActNorm(self.num_channels, weights=weights.actnorm, name=f"{name}_actnorm", **common),
            self._permutation_view(weights.permutation, f"{name}_{self._permutation}", common),
            self.coupling_class(network, name=f"{name}_{coupling_name}_coupling", **common),
            name=name,
            **common,
        )

    def __iter__(self) -> Iterator[FlowStep]:
        return (self[k] for k in range(len(self)))

    def unstacked(self) -> list[StepWeights]:
        """The weights of each step, as tensors with the values that they have now."""
        return unstacked(self.weights)

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Initialises the steps in order on one batch `[B, H, W, C]`; returns the output on it."""
        x = self._checked(x, 3)
        check_rows(x, self.name)
        run = own_graph(self._initialized_step)
        values = []
        for weights in self.unstacked():
            x, *step_values = run(x, weights)
            values.append(step_values)
        actnorm, hidden = tf.nest.map_structure(_stack, *values)
        self.weights.actnorm.b.assign(actnorm.b)
        self.weights.actnorm.logs.assign(actnorm.logs)
        convs = (self.weights.network.conv_1, self.weights.network.conv_2)
        for conv, (b, logs) in zip(convs, hidden, strict=True):
            conv.b.assign(b)
            conv.logs.assign(logs)
        return x

    def forward_in_turn(self, x: tf.Tensor) -> Iterator[tuple[tf.Tensor, tf.Tensor | None]]:
        """Each step's output, and what its coupling's log-det is the sum of (None: 0)."""
        return self._forward_in_turn(x, self._values, self.network_dtype)

    def forward_and_places(
        self, x: tf.Tensor, network_dtype: tf.DType | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """y, and what each place adds to log |det|, `[B, H, W]` (nats)."""
        weights = self._values
        dtype = network_dtype or self.network_dtype
        y, places = self._all_forward(x, weights, dtype, places_of_steps)
        return y, channel_map.log_abs_det(weights.actnorm, weights.permutation) + places

    def _forward_and_log_det(self, x, network_dtype=None):
        return self._forward_steps(x, self._values, network_dtype or self.network_dtype)

    def _inverse_and_log_det(self, y, network_dtype=None):
        return self._inverse_steps(y, self._values, network_dtype or self.network_dtype)

    @property
    def _functions(self):
        return self._called if _AS_CALLS.get() else self._copied

    @property
    def _values(self):
        # Read here, in the replica that asks: a `tf.function` takes a variable of a distribution
        # strategy for a constant, and would go on with that of its first call.
        return tf.nest.map_structure(tf.convert_to_tensor, self.weights)

    def _forward_steps(self, x, weights, network_dtype):
        """All steps as a function of their stacked weights: y and log |det|."""
        y, log_det = self._all_forward(x, weights, network_dtype, sum_of_steps)
        return y, _channels_log_det(weights, x) + log_det

    def _all_forward(self, x, weights, network_dtype, total_of):
        """y, and `total_of` all steps' log-scales: `sum_of_steps` or `places_of_steps`."""
        if self._scans:
            channels = ChannelMap.forward(weights.actnorm, weights.permutation)
            stacked = channels, weights.network
            return self._scan(self._functions.forward, x, stacked, network_dtype, total_of)
        outputs, log_scales = zip(*self._forward_in_turn(x, weights, network_dtype), strict=True)
        return outputs[-1], total_of(log_scales, x)

    def _inverse_steps(self, y, weights, network_dtype):
        """As `_forward_steps`, from y to x."""
        stacked = ChannelMap.inverse(weights.actnorm, weights.permutation), weights.network
        if self._scans:
            x, log_det = self._scan(
                self._functions.inverse, y, stacked, network_dtype, sum_of_steps, reverse=True
            )
            return x, -_channels_log_det(weights, y) - log_det
        in_turn = self._in_turn(self._functions.inverse, y, reversed(_each(stacked)), network_dtype)
        outputs, log_scales = zip(*in_turn, strict=True)
        return outputs[-1], -_channels_log_det(weights, y) - sum_of_steps(log_scales, y)

    def _scan(self, run, x, stacked, network_dtype, total_of, reverse=False):
        def step(x, k, weights):
            x, log_scale = run(self._checked_step(x, k), *weights, network_dtype)
            return x, total_of([log_scale], x)

        half = tf.zeros_like(x[..., : self.num_channels // 2])
        start = total_of([half if self.coupling_class.scales else None], x)
        return scan_steps(step, x, start, stacked, reverse)

    def _forward_in_turn(self, x, weights, network_dtype):
        stacked = ChannelMap.forward(weights.actnorm, weights.permutation), weights.network
        return self._in_turn(self._functions.forward, x, _each(stacked), network_dtype)

    def _in_turn(self, run, x, steps, network_dtype):
        for k, step in steps:
            x, log_scale = run(self._checked_step(x, k), *step, network_dtype)
            yield x, log_scale

    def _forward_step(self, x, channels, network, network_dtype):
        network = self._network(x, network, network_dtype)
        return flow_step.forward(x, channels, self.coupling_class, network)

    def _inverse_step(self, y, channels, network, network_dtype):
        network = self._network(y, network, network_dtype)
        return flow_step.inverse(y, channels, self.coupling_class, network)

    def _network(self, x, weights, dtype):
        """A coupling's network for images of the size of `x`."""
        height, width = shapes.shape_list(x)[1:3]
        folded = coupling_network.fold(weights, height, width, dtype)
        convolve = looped_convolution if self._scans else None
        return functools.partial(coupling_network.apply, folded, convolve=convolve)

    def _initialized_step(self, x, weights):
        """The step's output on `x`, and the values of all that it normalises."""
        actnorm = ActNormWeights(*data_dependent_shift_and_log_scale(x))
        x = ChannelMap.forward(actnorm, weights.permutation)(x)
        x1 = tf.cast(shapes.split_channels(x)[0], self.network_dtype)
        network = coupling_network.initialized(weights.network, x1)
        run = self._network(x, network, self.network_dtype)
        y, _ = self.coupling_class.forward_map(x, run)
        hidden = [(conv.b, conv.logs) for conv in (network.conv_1, network.conv_2)]
        return y, actnorm, hidden

    def _checked_step(self, x, k):
        if not self.validate_args:
            return x
        if isinstance(k, int):
            message = f"The input of {self.name}_step{k} is not finite."
            return tf.debugging.check_numerics(x, message)
        # In a loop the step's number is known when it runs.
        finite = tf.reduce_all(tf.math.is_finite(x))
        parts = [f"The input of {self.name}_step", k, "is not finite."]
        with tf.control_dependencies([tf.debugging.Assert(finite, parts)]):
            return tf.identity(x)

    def _permutation_view(self, weights, name, common):
        if self._permutation == "reverse":
            return ReverseChannels(name=name, **common)
        if self._permutation == "shuffle":
            return ShuffleChannels(self.num_channels, weights=weights, name=name, **common)
        return Invertible1x1Conv(
            self.num_channels, self._parameterization, weights=weights, name=name, **common
        )


def sum_of_steps(log_scales: Sequence[tf.Tensor | None], x: tf.Tensor) -> tf.Tensor:
    """Σ over steps, H, W and C of each step's log-scales, `[B]`; 0, `[]`, where there are none."""
    if log_scales[0] is None:
        return tf.zeros([], x.dtype)
    # Steps first, then pixels: sums of whole tensors are cheaper than reductions.
    return tf.reduce_sum(tf.add_n(log_scales), axis=[1, 2, 3])


def places_of_steps(log_scales: Sequence[tf.Tensor | None], x: tf.Tensor) -> tf.Tensor:
    """Σ over steps and C of each step's log-scales, `[B, H, W]`; 0 where there are none."""
    if log_scales[0] is None:
        return tf.zeros(tf.shape(x)[:3], x.dtype)
    return tf.reduce_sum(tf.add_n(log_scales), axis=-1)


def _each(stacked):
    """The number of each step, and its part of every structure."""
    return list(enumerate(zip(*map(unstacked, stacked), strict=True)))


def _stack(*values):
    return tf.stack(values)


def _channels_log_det(weights, x):
    """log |det| of all steps' channel maps, `[]`."""
    return channel_map.log_abs_det_of_image(weights.actnorm, weights.permutation, x)
