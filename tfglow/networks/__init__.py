"""The networks inside couplings, splits and priors."""

from tfglow.networks.coupling_network import CouplingNetwork
from tfglow.networks.scaled_conv2d import ScaledConv2D
from tfglow.networks.scaled_dense import ScaledDense

__all__ = ["CouplingNetwork", "ScaledConv2D", "ScaledDense"]
