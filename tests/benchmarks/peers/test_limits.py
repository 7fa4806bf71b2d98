import tensorflow as tf

from benchmarks.peers.limits import Convolutions
from benchmarks.sizes import SIZES


def test_multiplications_are_those_of_the_limits_convolutions():
    size = SIZES["tiny"]
    limit = Convolutions(size)
    graph = limit._forward.get_concrete_function(limit._x).graph
    expected = 0
    for operation in graph.get_operations():
        if operation.type == "Conv2D":
            positions = tf.TensorShape(operation.outputs[0].shape[:3]).num_elements()
            expected += positions * operation.inputs[1].shape.num_elements()
    assert size.multiplications == expected > 0
