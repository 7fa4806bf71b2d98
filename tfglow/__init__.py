"""Glow (Kingma & Dhariwal 2018) on TensorFlow, TensorFlow Probability and Keras."""

from tfglow import bijectors, latents, likelihood, networks
from tfglow.config import GlowConfig
from tfglow.glow import Glow

__version__ = "0.1.0"

__all__ = ["Glow", "GlowConfig", "bijectors", "latents", "likelihood", "networks"]
