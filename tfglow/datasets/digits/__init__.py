"""The embedded data set of the tests: handwritten digits of 8x8 pixels."""

from tfglow.datasets.digits.digits import Digits

__all__ = ["Digits"]
