"""What the layers around bijectors and around distributions share."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfglow.bijectors.one_pass_bijector import own_name
from tfglow.distribution_recipe import DistributionRecipe
from tfglow.held_variables import has_unbuilt_network, held_layers, held_variables
from tfglow.keras_backend import keras
from tfglow.keras_variable import AdoptedVariable, seen_by_keras


class ModuleLayer(keras.layers.Layer):
    """A Keras layer whose variables are those of a `tf.Module` of TFP's.

    Keras tracks Keras's own variables and layers alone: what a bijector or distribution holds, as
    an attribute of a layer, is neither trained nor saved. Here each `tf.Variable` is shown to
    Keras as a Keras variable, and is not copied; Keras networks inside are sublayers.

    Subclasses are `BijectorLayer` and `DistributionLayer`, with their arguments.
    """

    # The name of the constructor's argument, and the class of what it holds.
    argument: str
    kind: type

    def __init__(
        self,
        module: tf.Module | Callable[..., tf.Module],
        arguments: Mapping[str, Any] | None,
        **kwargs: Any,
    ):
        make = None
        if callable(module) and not isinstance(module, tf.Module):
            make, module = module, module(**(arguments or {}))
        elif arguments is not None:
            raise ValueError(
                f"`arguments` are for a function that makes the {self.argument}, got {arguments!r} "
                f"with {module!r}."
            )
        if not isinstance(module, self.kind):
            raise ValueError(
                f"`{self.argument}` must be a {self.argument} of TFP or tfglow, or a function that "
                f"makes one, got {module!r}."
            )
        dtype = _float_dtype(module)
        kwargs.setdefault("dtype", dtype)
        super().__init__(**kwargs)
        if self.compute_dtype != dtype or self.variable_dtype != dtype:
            raise ValueError(
                f"`dtype` of {self.name} must be {dtype}, in which its {self.argument} computes, "
                f"got {self.dtype_policy.name!r}."
            )
        self._make = make
        self._arguments = dict(arguments or {})
        self._module = module
        self._networks = held_layers(module)
        self._adopted: list[keras.Variable] = []
        # Shows TensorFlow's checkpoints what only functions hold.
        self._in_functions = tf.Module(name="in_functions")
        self._adopt()
        # Else Keras warns of a layer that uses the module itself, and never calls this one.
        self.built = not has_unbuilt_network(module)

    def __reduce__(self) -> tuple[Any, ...]:
        # Keras would save it, and a file cannot say how to make what was given as it is.
        if type(self) not in ModuleLayer.__subclasses__():
            return super().__reduce__()
        module = self._module
        if isinstance(module, tfd.Distribution):
            module = DistributionRecipe.of(module)
        options = super().get_config()
        return _made_again, (type(self), module, options, self._make, dict(self._arguments))

    def build(self, input_shape: Any) -> None:
        """Makes the variables of networks that have none before they are called, by one call."""
        if has_unbuilt_network(self._module):
            with tf.init_scope():
                self.call(_zeros(input_shape, self.compute_dtype))
        self._adopt()

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the layer from.

        Raises:
          ValueError: If it was made of an object, or of a lambda, which no file can hold.
        """
        config = super().get_config()
        name = self.argument
        if self._make is not None:
            if getattr(self._make, "__name__", "") == "<lambda>":
                raise ValueError(
                    f"{self.name} was made by a lambda, which a file cannot hold: give it a "
                    "function that is decorated with `keras.saving.register_keras_serializable()`."
                )
            made = keras.saving.serialize_keras_object(self._make)
            arguments = keras.saving.serialize_keras_object(dict(self._arguments))
            return {**config, name: made, "arguments": arguments}
        # A subclass makes its module itself, of arguments of its own.
        if type(self) in ModuleLayer.__subclasses__():
            raise ValueError(
                f"{self.name} holds a {name} that was given as it is, and a file cannot say how "
                f"to make it again: give `{type(self).__name__}` a function that makes it, "
                "decorated with `keras.saving.register_keras_serializable()`, or write a subclass "
                "whose constructor makes it. (`save_weights` works as it is.)"
            )
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ModuleLayer":
        """The layer that `get_config` described, with new weights."""
        config = dict(config)
        if cls.argument in config and "arguments" in config:
            for name in (cls.argument, "arguments"):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)

    def save_own_variables(self, store: Any) -> None:
        """Writes the variables by their names; Keras calls it."""
        for name, variable in self._named().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote.

        Raises:
          ValueError: If these are the weights of another layer; none is then assigned.
        """
        named = self._named()
        saved = {name: tuple(store[name].shape) for name in store.keys()}  # noqa: SIM118 - HDF5's
        needed = {name: tuple(variable.shape) for name, variable in named.items()}
        if saved != needed:
            raise ValueError(
                f"The saved weights do not fit {self.name}: they are {saved}, its {self.argument} "
                f"needs {needed}."
            )
        for name, variable in named.items():
            variable.assign(store[name])

    def _named(self):
        """The variables by place and name: names alone may be the same in two parts.

        (A Keras variable's own name counts what its process has made.)
        """
        return {
            variable.name if isinstance(variable, AdoptedVariable) else str(i): variable
            for i, variable in enumerate(self._adopted)
        }

    def _adopt(self):
        """Shows Keras the variables that it does not yet see."""
        module: tf.Module = self._module
        held = held_variables(module)
        seen, known = seen_by_keras(self), set(map(id, self.variables))
        for variable in held:
            if isinstance(variable, tf.Variable) and id(variable) not in seen:
                name = f"{len(self._adopted)}.{own_name(variable)}"
                self._adopted.append(AdoptedVariable(variable, name))
            elif isinstance(variable, keras.Variable) and id(variable) not in known:
                self._adopted.append(variable)
        # Of a layer that is frozen when it is made, Keras asks each variable whether it is trained.
        if not self.trainable:
            for variable in self.variables:
                variable.trainable = False
        by_checkpoints = set(map(id, module.variables))
        self._in_functions.variables_of_functions = [
            variable for variable in held if id(variable) not in by_checkpoints
        ]

    def _prepared(self, x):
        """`x` in the layer's dtype, and the layer built, in methods that Keras does not call.

        (A tensor that TFP's caches have never seen: they answer for those that they know with
        what a variable was then.)
        """
        x = tf.convert_to_tensor(x)
        if not self.built:
            self.build(x.shape)
        return tf.cast(x, self.compute_dtype) if x.dtype.is_floating else tf.identity(x)


def _zeros(shape, dtype):
    """Zeros of a shape, or of each in a list of shapes, with 1 for every size that is open."""
    if any(isinstance(size, (list, tuple)) for size in shape):
        return [_zeros(part, dtype) for part in shape]
    return tf.zeros([size or 1 for size in shape], dtype)


def _made_again(kind, module, options, make, arguments):
    if isinstance(module, DistributionRecipe):
        module = module.made()
    layer = kind(module, **options)
    layer._make, layer._arguments = make, arguments
    return layer


def _float_dtype(module):
    dtypes = [module.dtype, *(v.dtype for v in held_variables(module))]
    for dtype in dtypes:
        if isinstance(dtype, (tf.DType, str)) and tf.as_dtype(dtype).is_floating:
            return tf.as_dtype(dtype).name
    return keras.config.floatx()
