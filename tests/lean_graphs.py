"""Graphs in a quarter less time: most of those that tests trace run once."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf


def trace_without_stacks() -> None:
    """Lets no operation keep the lines that made it, a hundred under pytest, for error messages."""
    from tensorflow.python.client import pywrap_tf_session
    from tensorflow.python.util import tf_stack

    tf_stack.extract_stack = lambda stacklevel=1: None
    pywrap_tf_session.TF_SetOpStackTrace = lambda operation, stack: None


@contextlib.contextmanager
def rewriting(on: bool) -> Iterator[None]:
    """TensorFlow's rewriting of graphs, on or off: it takes longer than to run a graph once."""
    optimizer = tf.config.optimizer
    before = optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    optimizer.set_experimental_options({"disable_meta_optimizer": not on})
    try:
        yield
    finally:
        optimizer.set_experimental_options({"disable_meta_optimizer": before})
