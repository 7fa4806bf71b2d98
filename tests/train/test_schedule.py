import keras
import numpy as np
import tensorflow as tf

from train.schedule import LinearWarmup


def test_grows_from_zero_and_stays():
    schedule = LinearWarmup(1e-3, warmup_steps=4)
    rates = [float(schedule(tf.constant(step, tf.int64))) for step in range(7)]
    np.testing.assert_allclose(rates, [0, 2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3, 1e-3], rtol=1e-12)


def test_without_warm_up_it_is_constant():
    assert float(LinearWarmup(0.5, warmup_steps=0)(tf.constant(0, tf.int64))) == 0.5


def test_is_rebuilt_from_its_config():
    schedule = LinearWarmup(1e-3, warmup_steps=4)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert again.get_config() == schedule.get_config()
