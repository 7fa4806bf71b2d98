"""Functions that TensorFlow traces, of which every model has its own."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def own_graph(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`function` as a `tf.function` whose traces TensorFlow counts by themselves.

    It warns of a function that is traced again and again, and takes those of the same code for one:
    a method, of which each model in a process traces its own.

    Args:
      function: The function; AutoGraph is left out.
      **options: Other arguments of `tf.function`.
    """
    # A partial function has no code of its own, by which it could be taken for another.
    return tf.function(functools.partial(function), autograph=False, **options)
