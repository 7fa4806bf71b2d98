"""Optimizers that update a variable by one operation, the official code's, and the average."""

from tfglow.optimizers.fused_adam import FusedAdam
from tfglow.optimizers.fused_optimizer import FusedOptimizer
from tfglow.optimizers.official_adamax import OfficialAdamax
from tfglow.optimizers.weight_average import WeightAverage

__all__ = ["FusedAdam", "FusedOptimizer", "OfficialAdamax", "WeightAverage"]
