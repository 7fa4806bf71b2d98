"""Keras layers that hold bijectors and distributions, so that Keras trains and saves them."""

from tfglow.keras_layers.bijector_layer import BijectorLayer
from tfglow.keras_layers.distribution_layer import DistributionLayer
from tfglow.keras_layers.negative_log_prob import negative_log_prob

__all__ = ["BijectorLayer", "DistributionLayer", "negative_log_prob"]
