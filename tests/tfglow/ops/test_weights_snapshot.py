"""A variable's value has changed, or has not, in whatever way it is given another."""

import numpy as np
import pytest
import tensorflow as tf

from tfglow.ops.weights_snapshot import WeightsSnapshot


def _in_graph(change, **options):
    return lambda v: tf.function(lambda: change(v), autograph=False, **options)()


def _optimizer(v):
    tf.raw_ops.ResourceApplyGradientDescent(var=v.handle, alpha=0.1, delta=tf.ones_like(v))


CHANGES = {
    "assign": lambda v: v.assign(2.0 * v),
    "assign_add": lambda v: v.assign_add(tf.ones_like(v)),
    "assign_in_graph": _in_graph(lambda v: v.assign(2.0 * v)),
    "add_in_graph": _in_graph(lambda v: v.assign_add(tf.ones_like(v))),
    "add_compiled": _in_graph(lambda v: v.assign_add(tf.ones_like(v)), jit_compile=True),
    "optimizer": _optimizer,
    "optimizer_in_graph": _in_graph(_optimizer),
    "slice": lambda v: v[0].assign(1.0 + v[0]),
    "scatter": lambda v: v.scatter_nd_update([[1]], [1.0 + v[1]]),
    "one_number": lambda v: v.scatter_nd_add([[1, 0]], [1e-6]),
}


@pytest.mark.parametrize("shape", [[3, 1], [70, 50]])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(change, shape):
    variables = {name: tf.Variable(tf.ones(shape)) for name in ("a", "b", "c")}
    snapshot = WeightsSnapshot(variables)
    assert snapshot.changed() == []
    for _ in range(2):  # The second time, whatever the first has done to how it is kept.
        change(variables["b"])
        assert snapshot.changed() == snapshot.changed() == ["b"]
        snapshot = WeightsSnapshot(variables)
        assert snapshot.changed() == []


def test_the_same_value_elsewhere_is_no_change():
    variable = tf.Variable(tf.ones([70, 50]))
    snapshot = WeightsSnapshot({"a": variable})
    variable.assign(np.ones([70, 50], np.float32))
    assert snapshot.changed() == []
    variable[0].assign(tf.ones([50]))  # From here on TensorFlow copies whenever it is read.
    assert snapshot.changed() == snapshot.changed() == []
    variable.assign_add(tf.ones([70, 50]))
    assert snapshot.changed() == ["a"]
    variable.assign(tf.ones([70, 50]))
    assert snapshot.changed() == []


def test_other_dtypes_and_restored_checkpoints(tmp_path):
    variables = {
        "indices": tf.Variable([2, 0, 1]),
        "half": tf.Variable(tf.ones([5], tf.bfloat16)),
        "wide": tf.Variable(tf.ones([5], tf.float64)),
    }
    checkpoint = tf.train.Checkpoint(**variables)
    path = checkpoint.write(str(tmp_path / "saved"))
    variables["half"].assign_add(tf.ones([5], tf.bfloat16))
    variables["indices"].assign([0, 2, 1])
    snapshot = WeightsSnapshot(variables)
    checkpoint.restore(path)
    assert snapshot.changed() == ["indices", "half"]


def test_every_replica_is_watched():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        variable = tf.Variable(tf.ones([70, 50]))
        snapshot = WeightsSnapshot({"a": variable})
        assert snapshot.changed() == []
    assert snapshot.changed() == []
    assert strategy.run(lambda: len(snapshot.changed())) == 0
    variable.values[1].assign_add(tf.ones([70, 50]))
    assert snapshot.changed() == ["a"]
