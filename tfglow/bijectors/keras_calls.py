"""Says so where Keras runs a bijector whose variables it does not see."""

import inspect
import warnings
from collections.abc import Iterator

from tensorflow_probability import bijectors as tfb

from tfglow.keras_backend import keras
from tfglow.keras_variable import seen_by_keras

# What Keras runs a layer by; around each it wraps one function or more.
_ENTRIES = {
    inspect.unwrap(entry).__code__
    for entry in (
        keras.layers.Layer.__call__,
        keras.Model.fit,
        keras.Model.evaluate,
        keras.Model.predict,
        keras.Model.train_on_batch,
        keras.Model.test_on_batch,
        keras.Model.predict_on_batch,
    )
}


def check_seen(bijector: tfb.Bijector) -> bool:
    """Warns if Keras layers run `bijector`, and none of them sees all of its variables.

    Keras has no hook by which an attribute that is not Keras's own could be tracked: what a layer
    is given, it compares with its own classes. So this looks at who calls.

    Returns:
      Whether there is an answer: Keras layers run it.
    """
    layers = list(_running_layers())
    if not layers:
        return False
    variables = set(map(id, bijector.variables))
    if variables and not any(variables <= seen_by_keras(layer) for layer in layers):
        warnings.warn(
            f"The Keras layer {layers[0].name!r} runs {bijector.name!r}, but does not see its "
            "variables, and neither trains nor saves them: hold it as "
            f"`tfglow.BijectorLayer(...)`, or what it is part of.",
            stacklevel=2,
        )
    return True


def _running_layers() -> Iterator[keras.layers.Layer]:
    """The Keras layers and models that are being called, the innermost first."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code in _ENTRIES:
            yield frame.f_locals["self"]
        frame = frame.f_back
