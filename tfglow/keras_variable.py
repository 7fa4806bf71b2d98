"""A Keras variable around a `tf.Variable` that somebody else owns."""

import tensorflow as tf

from tfglow.keras_backend import keras


class AdoptedVariable(keras.Variable):
    """Shows Keras a bijector's own variable, not a copy of it.

    Keras has no public way to take in a `tf.Variable`: `_initialize_with_initializer` is the one
    place where a `keras.Variable` makes its own.

    Args:
      variable: The variable.
      name: Its name for Keras, without a slash.
    """

    def __init__(self, variable: tf.Variable, name: str):
        self._adopted = variable
        super().__init__(
            initializer=lambda shape, dtype: variable,
            shape=variable.shape,
            dtype=variable.dtype.name,
            trainable=variable.trainable,
            autocast=False,
            name=name,
        )

    def _initialize_with_initializer(self, initializer):
        self._value = self._adopted


def seen_by_keras(layer: keras.layers.Layer) -> set[int]:
    """The ids of the `tf.Variable`s that a layer trains and saves, as its Keras variables."""
    # `value` would cast them, where a layer that computes in less precision is being called.
    return {id(variable._value) for variable in layer.variables}
