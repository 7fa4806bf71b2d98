"""The embedded data set of photographs: clothes of 16x16 pixels."""

from tfglow.datasets.fashion.fashion import Fashion

__all__ = ["Fashion"]
