"""One step of the flow."""

import tensorflow as tf

from tfglow.bijectors.one_pass_bijector import OnePassBijector


class FlowStep(OnePassBijector):
    """ActNorm, then a permutation of the channels, then a coupling, on `[H, W, C]` (figure 2a).

    log |det| is the sum of the three.

    Args:
      actnorm: An `ActNorm`.
      permutation: An `Invertible1x1Conv`, `ShuffleChannels` or `ReverseChannels`.
      coupling: An `AffineCoupling` or `AdditiveCoupling`.
      dtype: Of the event.
      validate_args: Whether to check at run time that inputs are finite.
      name: Of the bijector.

    Raises:
      ValueError: If a part is not a bijector of one pass, or has another dtype.
    """

    def __init__(
        self,
        actnorm,
        permutation,
        coupling,
        dtype=tf.float32,
        validate_args=False,
        name="flow_step",
    ):
        parameters = dict(locals())
        for part_name, part in (
            ("actnorm", actnorm),
            ("permutation", permutation),
            ("coupling", coupling),
        ):
            if not isinstance(part, OnePassBijector) or part.dtype != dtype:
                raise ValueError(
                    f"`{part_name}` of {name} must be a tfglow bijector of dtype "
                    f"{tf.as_dtype(dtype).name}, got {part!r}."
                )
        super().__init__(
            parameters=parameters,
            num_channels=actnorm.num_channels,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=coupling.is_constant_jacobian,
            name=name,
        )
        self.actnorm = actnorm
        self.permutation = permutation
        self.coupling = coupling

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Every variable by its part and its own name: `actnorm/logs`."""
        parts = {
            "actnorm": self.actnorm,
            "permutation": self.permutation,
            "coupling": self.coupling,
        }
        return {
            f"{part_name}/{name}": variable
            for part_name, part in parts.items()
            for name, variable in part.named_variables.items()
        }

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Initialises the parts in order on one batch `[B, H, W, C]`; returns the output on it."""
        x = self.actnorm.initialize(x)
        x, _ = self.permutation.forward_and_log_det(x)
        return self.coupling.initialize(x)

    def _forward_and_log_det(self, x):
        x, log_det_1 = self.actnorm.forward_and_log_det(x)
        x, log_det_2 = self.permutation.forward_and_log_det(x)
        x, log_det_3 = self.coupling.forward_and_log_det(x)
        return x, log_det_1 + log_det_2 + log_det_3

    def _inverse_and_log_det(self, y):
        y, log_det_3 = self.coupling.inverse_and_log_det(y)
        y, log_det_2 = self.permutation.inverse_and_log_det(y)
        y, log_det_1 = self.actnorm.inverse_and_log_det(y)
        return y, log_det_1 + log_det_2 + log_det_3
