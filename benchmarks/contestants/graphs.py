"""The size of TensorFlow graphs."""

import tensorflow as tf


def count_operations(function: tf.types.experimental.PolymorphicFunction, *inputs: object) -> int:
    """Operations of a function's graph and of every function it calls, each counted once."""
    graph = function.get_concrete_function(*inputs).graph.as_graph_def()
    return len(graph.node) + sum(len(f.node_def) for f in graph.library.function)
