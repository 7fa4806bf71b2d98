"""Two objects on the same variables, and the float32 twin of a mixed-precision Glow."""

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tfglow import shared_variables
from tfglow.bijectors import ActNorm


def test_a_second_object_takes_the_first_ones_variables():
    with shared_variables.recording() as variables:
        first = ActNorm(3)
    with shared_variables.reusing(variables):
        second = ActNorm(3)
    assert [first.b is second.b, first.logs is second.logs] == [True, True]
    first.b.assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(second.b, [1.0, 2.0, 3.0])


def test_refuses_another_number_of_variables():
    with shared_variables.recording() as variables:
        ActNorm(3)
    more = pytest.raises(ValueError, match="More variables are created than the 2")
    with more, shared_variables.reusing(variables):
        ActNorm(3), ActNorm(3)
    fewer = pytest.raises(ValueError, match="2 of 2 variables were not reused")
    with fewer, shared_variables.reusing(variables):
        pass


def test_mixed_precision_gives_every_byte_back():
    config = tfglow.GlowConfig(
        image_shape=(8, 8, 3), levels=2, steps=3, width=16, precision="mixed_bfloat16"
    )
    glow = tfglow.Glow(config)
    rng = np.random.default_rng(0)
    for variable in glow.flow.trainable_variables:
        variable.assign_add(0.05 * rng.normal(size=variable.shape).astype("float32"))
    images = rng.integers(0, 256, (64, 8, 8, 3)).astype("uint8")
    np.testing.assert_array_equal(glow.decode(glow.encode(images)), images)
    compiled = tf.function(lambda images: glow.decode(glow.encode(images)))
    np.testing.assert_array_equal(compiled(images), images)
    # The likelihood does compute in bfloat16, close to float32's.
    continuous = tf.constant(images / np.float32(256) - np.float32(0.5))
    mixed, exact = glow.flow.forward(continuous), glow._exact_flow.forward(continuous)
    difference = float(tf.reduce_max(tf.abs(mixed - exact)))
    assert 1e-5 < difference < 0.05
