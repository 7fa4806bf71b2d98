import keras
import numpy as np
import tensorflow as tf

from tfglow.keras_variable import AdoptedVariable


def test_is_the_variable_and_no_copy_of_it():
    variable = tf.Variable([1.0, 2.0], name="b")
    adopted = AdoptedVariable(variable, "level0.b")
    assert adopted.value is variable
    assert adopted.name == "level0.b" and tuple(adopted.shape) == (2,) and adopted.trainable
    adopted.assign([3.0, 4.0])
    np.testing.assert_array_equal(variable, [3.0, 4.0])
    variable.assign_add([1.0, 1.0])
    np.testing.assert_array_equal(adopted, [4.0, 5.0])


def test_what_is_not_trained_stays_so():
    indices = tf.Variable([1, 0], trainable=False, dtype=tf.int32)
    adopted = AdoptedVariable(indices, "indices")
    assert not adopted.trainable and adopted.dtype == "int32"
    np.testing.assert_array_equal(adopted, [1, 0])


def test_an_optimizer_of_keras_updates_it():
    variable = tf.Variable([1.0, 2.0])
    adopted = AdoptedVariable(variable, "b")
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.apply_gradients([(tf.constant([2.0, 2.0]), adopted)])
    np.testing.assert_allclose(variable, [0.0, 1.0])


def test_of_two_replicas():
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        variable = tf.Variable([1.0, 2.0])
        adopted = AdoptedVariable(variable, "b")
    assert len(adopted.value.values) == 2
    read = strategy.run(tf.function(lambda: tf.convert_to_tensor(adopted) * 2.0))
    for result in strategy.experimental_local_results(read):
        np.testing.assert_array_equal(result, [2.0, 4.0])
