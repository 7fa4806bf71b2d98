"""What is asked of every contestant."""

import abc
from collections.abc import Callable
from typing import Any

TASKS = ("train", "log_prob", "sample")
LEARNING_RATE = 1e-4


class Contestant(abc.ABC):
    """An implementation of Glow at some size.

    Building it makes the model. `train` is one step: loss, gradients, update of the weights;
    `log_prob` and `sample` are for `size.batch_size` images. Each returns a function without
    arguments that does the work once, and returns when it is done.
    """

    @abc.abstractmethod
    def train(self) -> Callable[[], float]:
        """Returns what takes a step and returns its loss (nats or bits; finite)."""

    @abc.abstractmethod
    def log_prob(self) -> Callable[[], object]:
        """Returns what computes likelihoods."""

    @abc.abstractmethod
    def sample(self) -> Callable[[], object]:
        """Returns what draws images."""

    def graph_operations(self) -> int | None:
        """Operations of the training graph and its functions; None where there is no graph."""
        return None


def count_operations(function: Any, *inputs: object) -> int:
    """Operations of a graph and of every function it calls, each counted once.

    Args:
      function: A `tf.function`; this module imports no TensorFlow, as PyTorch's processes need it.
      *inputs: The arguments that it is traced for.
    """
    graph = function.get_concrete_function(*inputs).graph.as_graph_def()
    return len(graph.node) + sum(len(f.node_def) for f in graph.library.function)
