import logging

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tfglow.ops.own_graph import own_graph


@pytest.fixture(name="warnings")
def _warnings():
    """What TensorFlow warns of."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    tf.get_logger().addHandler(handler)
    yield records
    tf.get_logger().removeHandler(handler)


class Doubling:
    def run(self, x):
        return 2 * x


def test_functions_of_the_same_code_are_counted_apart(warnings):
    for _ in range(8):
        assert float(own_graph(Doubling().run)(tf.constant(2.0))) == 4.0
    assert warnings == []


def test_one_that_is_traced_again_and_again_is_warned_of(warnings):
    run = own_graph(Doubling().run)
    for size in range(8):
        run(tf.zeros([size]))
    assert "retracing" in warnings[0].getMessage()


@pytest.mark.slow
def test_of_several_models_nothing_is_warned(warnings):
    images = np.zeros([2, 4, 4, 1], np.uint8)
    for width in range(1, 7):
        glow = tfglow.Glow(tfglow.GlowConfig(image_shape=(4, 4, 1), levels=1, steps=1, width=width))
        glow.initialize(images)
        for model in (glow, glow.frozen()):
            model.log_prob(images)
            model.sample(1)
    assert warnings == []
