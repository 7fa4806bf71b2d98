"""Keras, where it is the one that tfglow works with: everything here imports it from this module.

from tfglow.keras_backend import keras
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

__all__ = ["keras"]


def _import_keras() -> Any:
    """Keras 3 on TensorFlow.

    Raises:
      ImportError: If the environment asks for another backend of Keras, or for Keras 2.
    """
    named = os.environ.get("KERAS_BACKEND", "")
    # Before Keras itself fails for a backend that is not installed.
    if named not in ("", "tensorflow"):
        raise ImportError(
            f"tfglow needs Keras's backend tensorflow, got KERAS_BACKEND={named!r} from the "
            "environment."
        )
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "")
    if legacy.lower() in ("1", "true"):
        raise ImportError(
            "tfglow needs Keras 3 with the backend tensorflow, got TF_USE_LEGACY_KERAS="
            f"{legacy!r} from the environment, which makes tf.keras Keras 2."
        )
    try:
        module = importlib.import_module("keras")
        backend = module.config.backend()
    except ModuleNotFoundError as error:
        if error.name in ("keras", "tensorflow"):
            raise
        module, backend = None, error.name  # That of a backend which is not installed.
    if backend != "tensorflow":
        raise ImportError(
            f"tfglow needs Keras's backend tensorflow, got {backend!r} from Keras's configuration "
            "file, keras.json."
        )
    return module


if TYPE_CHECKING:
    import keras
else:
    keras = _import_keras()
