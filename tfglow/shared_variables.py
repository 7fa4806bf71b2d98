"""A second object with the variables of a first."""

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf


@contextlib.contextmanager
def recording() -> Iterator[list[tf.Variable]]:
    """Lists the variables that are created inside, in order."""
    created = []

    def creator(next_creator, **kwargs):
        created.append(next_creator(**kwargs))
        return created[-1]

    with tf.variable_creator_scope(creator):
        yield created


@contextlib.contextmanager
def reusing(variables: Sequence[tf.Variable]) -> Iterator[None]:
    """Gives what is constructed inside these variables in place of new ones.

    Args:
      variables: As `recording` listed them for an object that was constructed in the same way.

    Raises:
      ValueError: If another number of variables is asked for.
    """
    left = list(variables)

    def creator(next_creator, **kwargs):
        del next_creator, kwargs
        if not left:
            raise ValueError(f"More variables are created than the {len(variables)} to reuse.")
        return left.pop(0)

    with tf.variable_creator_scope(creator):
        yield
    if left:
        raise ValueError(f"{len(left)} of {len(variables)} variables were not reused.")
