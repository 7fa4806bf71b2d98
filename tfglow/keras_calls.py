"""Says so where Keras runs a bijector or network whose variables it does not see."""

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfglow.keras_backend import keras
from tfglow.keras_variable import seen_by_keras

_HOLD_A_BIJECTOR = "hold it as `tfglow.BijectorLayer(...)`, or what it is part of."
_USE_KERAS = (
    "it is a network for bijectors, which are held as `tfglow.BijectorLayer(...)`; elsewhere take "
    "Keras's own layers."
)

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


class RunByKeras:
    """A part of a bijector or network, a `tf.Module`, that warns if Keras does not see it."""

    _keras_was_asked = False

    @tf.autograph.experimental.do_not_convert
    def _ask_keras(self: Any) -> None:
        """Warns, once, if Keras layers run this and see not all of its variables.

        What it is made of is not asked again: a coupling's network has been answered for.
        """
        if not self._keras_was_asked and check_seen(self):
            for module in (self, *self.submodules):
                if isinstance(module, RunByKeras):
                    module._keras_was_asked = True


def check_seen(module: tf.Module) -> bool:
    """Warns if Keras layers run a bijector or network, and none of them sees all of its variables.

    Keras has no hook by which an attribute that is not Keras's own could be tracked: what a layer
    is given, it compares with its own classes. So this looks at who calls.

    Returns:
      Whether there is an answer: Keras layers run it.
    """
    layers = list(_running_layers())
    if not layers:
        return False
    variables = set(map(id, module.variables))
    if variables and not any(variables <= seen_by_keras(layer) for layer in layers):
        remedy = _HOLD_A_BIJECTOR if isinstance(module, tfb.Bijector) else _USE_KERAS
        warnings.warn(
            f"The Keras layer {layers[0].name!r} runs {module.name!r}, but does not see its "
            f"variables, and neither trains nor saves them: {remedy}",
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
