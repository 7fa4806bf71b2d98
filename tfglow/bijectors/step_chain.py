"""The flow steps of a level, of which only one is traced."""

import tensorflow as tf

from tfglow.bijectors.flow_step import FlowStep
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.networks import LOG_SCALE_FACTOR
from tfglow.ops import pixelwise, shapes


class StepChain(OnePassBijector):
    """K flow steps in a row, on `[H, W, C]`: the same map as of the steps one after the other.

    In a graph the steps of a level differ only in their variables' values, so one step is traced
    as a function of these and called K times: tracing takes a K-th of the time, and so does the
    graph of the space. What ActNorm and permutation do is one linear map of the channels,
    x ↦ x·diag(exp(3·logs))·W + b·exp(3·logs)·W; those of all steps are worked out together.

    Args:
      steps: `FlowStep`s with equal shapes, whose networks are Keras layers.
      recompute: Whether the backward pass computes the inside of a step again, instead of the
        forward pass keeping it: what is kept grows with K by a step's input alone.
      dtype: Of the event.
      validate_args: Whether every layer checks at run time that its input is finite; the steps
        then are traced one by one.
      name: Of the bijector.

    Raises:
      ValueError: If there is no step, or the steps differ in more than their variables' values.
    """

    def __init__(
        self, steps, recompute=False, dtype=tf.float32, validate_args=False, name="step_chain"
    ):
        parameters = dict(locals())
        _check_alike(steps, name)
        super().__init__(
            parameters=parameters,
            num_channels=steps[0].num_channels,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=steps[0].is_constant_jacobian,
            name=name,
        )
        self.steps = list(steps)
        forward, inverse = self._forward_step, self._inverse_step
        if recompute:
            forward, inverse = _recomputed(forward), _recomputed(inverse)
        else:
            forward, inverse = _traced(forward), _traced(inverse)
        self._step_functions = self._no_dependency((forward, inverse))

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Every variable by its step and its name there: `step3/actnorm/logs`."""
        return {
            f"step{k}/{name}": variable
            for k, step in enumerate(self.steps)
            for name, variable in step.named_variables.items()
        }

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Initialises the steps in order on one batch `[B, H, W, C]`; returns the output on it."""
        for step in self.steps:
            x = step.initialize(x)
        return x

    def _forward_and_log_det(self, x):
        if self._runs_step_by_step():
            return _in_turn([step.forward_and_log_det for step in self.steps], x)
        weights, biases, log_det = self._forward_maps()
        run_step, _ = self._step_functions
        log_dets = [shapes.num_positions(x) * log_det]
        for step, weight, bias in zip(self.steps, weights, biases, strict=True):
            x, step_log_det = run_step(x, weight, bias, *step.coupling.network_weights)
            log_dets.append(step_log_det)
        return x, _sum(log_dets)

    def _inverse_and_log_det(self, y):
        if self._runs_step_by_step():
            return _in_turn([step.inverse_and_log_det for step in reversed(self.steps)], y)
        weights, biases, log_det = self._inverse_maps()
        _, run_step = self._step_functions
        log_dets = [shapes.num_positions(y) * log_det]
        for step, weight, bias in reversed(list(zip(self.steps, weights, biases, strict=True))):
            y, step_log_det = run_step(y, weight, bias, *step.coupling.network_weights)
            log_dets.append(step_log_det)
        return y, _sum(log_dets)

    def _runs_step_by_step(self):
        # Eagerly there is nothing to trace: a layer's own code runs, and can be debugged.
        return tf.executing_eagerly() or self.validate_args

    def _forward_step(self, x, weight, bias, *network_weights):
        """One step for given weights: a linear map of the channels, then the coupling."""
        coupling = self.steps[0].coupling.with_network_weights(network_weights)
        return coupling.forward_and_log_det(pixelwise.trainable_linear(x, weight, bias))

    def _inverse_step(self, y, weight, bias, *network_weights):
        coupling = self.steps[0].coupling.with_network_weights(network_weights)
        x, log_det = coupling.inverse_and_log_det(y)
        return pixelwise.trainable_linear(x, weight, bias), log_det

    def _forward_maps(self):
        """Of each step ActNorm and permutation as weight and bias; log |det| a pixel, of all."""
        b, log_scale, permutation, values = self._stacked()
        weight = permutation.weight_from(self.num_channels, *values)  # [K, C, C]
        scale = tf.exp(log_scale)
        weights = scale[:, :, tf.newaxis] * weight
        biases = tf.matmul((b * scale)[:, tf.newaxis, :], weight)[:, 0, :]  # [K, C]
        log_det = tf.reduce_sum(log_scale) + tf.reduce_sum(permutation.log_abs_det_from(*values))
        return tf.unstack(weights), tf.unstack(biases), log_det

    def _inverse_maps(self):
        """The same for x = y·W⁻¹·diag(exp(−3·logs)) − b."""
        b, log_scale, permutation, values = self._stacked()
        weight = permutation.inverse_weight_from(self.num_channels, *values)
        weights = weight * tf.exp(-log_scale)[:, tf.newaxis, :]
        log_det = -tf.reduce_sum(log_scale) - tf.reduce_sum(permutation.log_abs_det_from(*values))
        return tf.unstack(weights), tf.unstack(-b), log_det

    def _stacked(self):
        """b and 3·logs of all steps, `[K, C]`, and all values of the permutations' variables."""
        b = tf.stack([step.actnorm.b for step in self.steps])
        logs = tf.stack([step.actnorm.logs for step in self.steps])
        permutations = [step.permutation for step in self.steps]
        variables = zip(*(p.weight_variables for p in permutations), strict=True)
        return b, LOG_SCALE_FACTOR * logs, permutations[0], [tf.stack(v) for v in variables]


def _traced(function):
    return tf.function(function, autograph=False)


def _recomputed(function):
    """`function` with a gradient that computes it again, from its inputs."""
    forward = _traced(function)

    # Not inlined: the graph optimizer would find the forward pass's operations in it again, and
    # keep what it is to forget. Nor does it start before the gradient that it needs is there.
    @tf.function(autograph=False, experimental_attributes={"_noinline": True})
    def gradients(inputs, upstream):
        x, *weights = inputs
        # XLA inlines it all the same: so that it does not merge the two passes, the input is made
        # to depend on the gradient. (NaN is not 0, and 0·x would be optimized away.)
        anchor = tf.reshape(upstream[0], [-1])[0]
        x += tf.where(tf.equal(anchor, anchor), tf.zeros_like(anchor), anchor)
        inputs = [x, *weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            outputs = function(*inputs)
        return tape.gradient(
            outputs, inputs, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    @tf.custom_gradient
    def run(*inputs):
        return forward(*inputs), lambda *upstream: gradients(inputs, upstream)

    return run


def _in_turn(functions, x):
    log_dets = []
    for function in functions:
        x, log_det = function(x)
        log_dets.append(log_det)
    return x, _sum(log_dets)


def _sum(log_dets):
    """The sum of log-dets of shape [] or [B]."""
    total = log_dets[0]
    for log_det in log_dets[1:]:
        total += log_det
    return total


def _check_alike(steps, name):
    if not steps or not all(isinstance(step, FlowStep) for step in steps):
        raise ValueError(f"`steps` of {name} must be one or more FlowSteps, got {steps!r}.")
    for step in steps:
        if not hasattr(step.coupling.network, "stateless_call"):
            raise ValueError(
                f"The networks of {name} must be Keras layers, got {step.coupling.network!r}."
            )
        if _structure(step) != _structure(steps[0]):
            raise ValueError(
                f"The steps of {name} must be alike but for their variables' values: {step.name} "
                f"differs from {steps[0].name}."
            )


def _structure(step):
    parts = (step.actnorm, step.permutation, step.coupling, step.coupling.network)
    shapes_of_parts = [[tuple(v.shape) for v in part.variables] for part in parts[:-1]]
    return [type(part) for part in parts], shapes_of_parts
