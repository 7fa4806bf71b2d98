"""Glow (Kingma & Dhariwal 2018) on TensorFlow, TensorFlow Probability and Keras."""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfglow import (
        bijectors,
        datasets,
        keras_layers,
        latents,
        likelihood,
        networks,
        official,
        optimizers,
        pictures,
        runs,
    )
    from tfglow.config import GlowConfig
    from tfglow.flow_distribution import FlowDistribution
    from tfglow.frozen_glow import FrozenGlow
    from tfglow.glow import Glow
    from tfglow.keras_layers import BijectorLayer, DistributionLayer
    from tfglow.pretrained import load_glow

__version__ = "0.1.0"

__all__ = [
    "BijectorLayer",
    "DistributionLayer",
    "FlowDistribution",
    "FrozenGlow",
    "Glow",
    "GlowConfig",
    "bijectors",
    "datasets",
    "keras_layers",
    "latents",
    "likelihood",
    "load_glow",
    "networks",
    "official",
    "optimizers",
    "pictures",
    "runs",
    "scoring",
]

# Classes and functions, by their modules.
_CLASSES = {
    "BijectorLayer": "tfglow.keras_layers",
    "DistributionLayer": "tfglow.keras_layers",
    "FlowDistribution": "tfglow.flow_distribution",
    "FrozenGlow": "tfglow.frozen_glow",
    "Glow": "tfglow.glow",
    "GlowConfig": "tfglow.config",
    "load_glow": "tfglow.pretrained",
}


def __getattr__(name: str) -> Any:
    """Imports a part when it is first asked for: some, for a client, must do without TensorFlow."""
    if name in _CLASSES:
        return getattr(importlib.import_module(_CLASSES[name]), name)
    if name in __all__:
        return importlib.import_module(f"tfglow.{name}")
    raise AttributeError(f"module 'tfglow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


# Keras reads files with objects of tfglow's, though nobody has asked for their classes.
if "keras" in sys.modules:
    importlib.import_module("tfglow.keras_classes").register_names(sys.modules["keras"])
