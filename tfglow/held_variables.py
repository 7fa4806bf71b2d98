"""What a bijector, distribution or function computes with, wherever it keeps it."""

import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from tfglow.keras_backend import keras

_Variable = (tf.Variable, keras.Variable)


def held_layers(module: Any) -> list[keras.layers.Layer]:
    """The Keras layers that it holds, as attributes or arguments: networks of couplings."""
    found = _walk(module, in_functions=False)
    return [value for value in found if isinstance(value, keras.layers.Layer)]


def held_variables(module: Any) -> list[tf.Variable | keras.Variable]:
    """Its variables, in a fixed order: its own, and those that its functions use.

    A function's are those of what it closes over and of the globals that it names, such as
    `network` in `lambda x: network(x)`; another callable's are those in its attributes.
    """
    found: dict[int, tf.Variable | keras.Variable] = {}
    for value in _walk(module, in_functions=True):
        for variable in [value] if isinstance(value, _Variable) else value.variables:
            found.setdefault(id(variable), variable)
    return list(found.values())


def has_unbuilt_network(module: Any) -> bool:
    """Whether it holds a network whose variables do not exist before it is called."""
    return any(_is_unbuilt(value) for value in _walk(module, in_functions=True))


def _is_unbuilt(value):
    if isinstance(value, _Variable):
        return False
    # A template of TensorFlow's (`tfb.real_nvp_default_template`) does not say whether it is built.
    return not getattr(value, "built", value.variables)


def _walk(module: Any, in_functions: bool) -> Iterator[Any]:
    """The variables and networks below `module`, each once, in a fixed order."""
    seen: dict[int, Any] = {}  # What is met is kept alive, so that no id is another object's.
    waiting = [module]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, (*_Variable, keras.layers.Layer)) or _is_network(value):
            yield value
        if not isinstance(value, (*_Variable, keras.layers.Layer)):
            waiting += reversed(list(_inside(value, in_functions)))


def _is_network(value):
    """Whether it is no module, whose variables are found one by one, but holds variables."""
    if isinstance(value, tf.Module):
        return hasattr(value, "built")  # A layer of legacy Keras, `tfb.AutoregressiveNetwork`.
    if isinstance(value, (Mapping, list, tuple)):
        return False  # TensorFlow's lists have `variables`, too.
    return _is_object(value) and isinstance(getattr(value, "variables", None), (list, tuple))


def _inside(value, in_functions):
    """What a value holds."""
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, tf.Module):
        return [] if _is_network(value) else vars(value).values()
    if not in_functions or not callable(value) or not _is_object(value):
        return []
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if inspect.ismethod(value):
        owner = value.__self__
        return [owner] if _holds_variables(owner) else list(getattr(owner, "__dict__", {}).values())
    if inspect.isfunction(value):
        names = inspect.getclosurevars(value)
        # A function that is a global may name anything: of globals, only what holds variables.
        named = [v for v in names.globals.values() if _holds_variables(v)]
        return [*names.nonlocals.values(), *named]
    if hasattr(value, "python_function"):  # A `tf.function`.
        return [value.python_function]
    return vars(value).values() if hasattr(value, "__dict__") else []


def _holds_variables(value):
    return isinstance(value, (*_Variable, tf.Module, keras.layers.Layer)) or _is_network(value)


def _is_object(value):
    return not inspect.isclass(value) and not inspect.ismodule(value)
