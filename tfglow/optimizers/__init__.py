"""Optimizers for models of many variables, and the official code's."""

from tfglow.optimizers.fused_adam import FusedAdam
from tfglow.optimizers.fused_optimizer import FusedOptimizer
from tfglow.optimizers.official_adamax import OfficialAdamax

__all__ = ["FusedAdam", "FusedOptimizer", "OfficialAdamax"]
