"""Tells Keras where the classes of saved files are, before anything has imported them."""

import importlib
import types
from typing import Any

# By the names that `keras.saving.register_keras_serializable` gives them.
_MODULES = {
    "BijectorLayer": "tfglow.keras_layers",
    "DistributionLayer": "tfglow.keras_layers",
    "FusedAdam": "tfglow.optimizers",
    "Glow": "tfglow.glow",
    "OfficialAdamax": "tfglow.optimizers",
}


class NamedClass:
    """Stands for a class until its module is imported, which registers the class itself.

    Args:
      module: The module.
      name: The class's name in it.
    """

    def __init__(self, module: str, name: str):
        self._module = module
        self._name = name

    def from_config(self, config: dict[str, Any]) -> Any:
        """What `from_config` of the class makes; the one thing that Keras asks for."""
        return getattr(importlib.import_module(self._module), self._name).from_config(config)


def register_names(keras: types.ModuleType) -> None:
    """Lets `keras.models.load_model` read files with objects of tfglow's.

    Args:
      keras: The module, imported already; whether its backend will do is asked by what uses it.
    """
    known = keras.saving.get_custom_objects()
    for name, module in _MODULES.items():
        known.setdefault(f"tfglow>{name}", NamedClass(module, name))
