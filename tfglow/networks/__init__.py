"""The networks inside couplings, splits and priors."""

from tfglow.networks.coupling_network import (
    LOG_SCALE_FACTOR,
    CouplingNetwork,
    ScaledConv2D,
    ScaledDense,
    data_dependent_shift_and_log_scale,
)

__all__ = [
    "LOG_SCALE_FACTOR",
    "CouplingNetwork",
    "ScaledConv2D",
    "ScaledDense",
    "data_dependent_shift_and_log_scale",
]
