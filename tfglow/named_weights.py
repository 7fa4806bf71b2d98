"""Weights that a Keras model knows by name."""

import os
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tfglow.keras_backend import keras
from tfglow.keras_variable import AdoptedVariable
from tfglow.whole_files import replacing


class NamedWeights(keras.Model):
    """A Keras model of `tf.Variable`s that parts of it own, known and saved by their names.

    Keras sees these variables, not copies of them.
    """

    def _adopt(self, named: dict[str, tf.Variable]) -> None:
        """Takes in all of the model's variables; called once, by the constructor."""
        self._adopted_variables = {
            name: AdoptedVariable(variable, name.replace("/", "."))
            for name, variable in named.items()
        }

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Every variable by its name, such as `level0/steps/actnorm/b` or `classifier/kernel`."""
        return {name: variable.value for name, variable in self._adopted_variables.items()}

    @property
    def frozen_names(self) -> list[str]:
        """Names of the variables that are not trained, of those that could be.

        Empty if `trainable` is false: they all are not.
        """
        return [
            name
            for name, variable in self._adopted_variables.items()
            if self.trainable and variable.value.trainable and not variable.trainable
        ]

    def freeze(self, names: Iterable[str]) -> None:
        """Keeps variables from being trained; `compile` after it.

        Args:
          names: Keys of `named_variables`.

        Raises:
          ValueError: If there is no such variable.
        """
        names = list(names)
        unknown = sorted(set(names) - set(self._adopted_variables))
        if unknown:
            raise ValueError(f"{self.name} has no variables {unknown}; see `named_variables`.")
        for name in names:
            self._adopted_variables[name].trainable = False

    def save(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Saves model and optimizer as a `.keras` file; arguments as for `keras.Model.save`.

        A file that is there is replaced when the new one is complete.

        Raises:
          ValueError: If it is to be Keras's older HDF5 file, which does not hold such models, or
            cannot be written.
        """
        if os.fspath(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"A whole {type(self).__name__} is saved as `.keras`, and `save_weights` writes "
                f"`.weights.h5`; got {os.fspath(filepath)!r}."
            )
        if os.fspath(filepath).endswith(".keras") and (overwrite or not os.path.exists(filepath)):
            with replacing(filepath) as unfinished:
                super().save(unfinished, True, zipped, **kwargs)
        else:  # Keras asks whether to overwrite, or refuses.
            super().save(filepath, overwrite, zipped, **kwargs)

    def save_own_variables(self, store: Any) -> None:
        """Writes the weights by name; Keras calls it for its files."""
        for variable in self._adopted_variables.values():
            store[variable.name] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote.

        Raises:
          ValueError: If a weight is missing, unknown or of another shape; none is then assigned.
        """
        expected = {variable.name: variable for variable in self._adopted_variables.values()}
        if set(store.keys()) != set(expected):
            missing = sorted(set(expected) - set(store.keys()))
            unknown = sorted(set(store.keys()) - set(expected))
            raise ValueError(
                f"The saved weights do not fit this model: missing {missing}, unknown {unknown}."
            )
        shapes = {key: (tuple(store[key].shape), tuple(expected[key].shape)) for key in expected}
        wrong = [
            f"{key} has the shape {saved}, the model needs {needed}"
            for key, (saved, needed) in shapes.items()
            if saved != needed
        ]
        if wrong:
            raise ValueError(f"The saved weights do not fit this model: {'; '.join(wrong)}.")
        for key, variable in expected.items():
            variable.assign(store[key])
