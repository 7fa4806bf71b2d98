"""Keras layers that hold bijectors and distributions, so that Keras trains and saves them."""

from tfglow.keras_layers.bijector_layer import BijectorLayer
from tfglow.keras_layers.distribution_layer import DistributionLayer

__all__ = ["BijectorLayer", "DistributionLayer"]
