"""The embedded data set: handwritten digits of 8x8 pixels."""

from tfglow.datasets.digits.digits import Digits
from tfglow.datasets.digits.prepare import prepare

__all__ = ["Digits", "prepare"]
