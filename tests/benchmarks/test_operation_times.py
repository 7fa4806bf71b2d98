import tensorflow as tf

from benchmarks.operation_times import grouped, operation_times


def test_operations_are_counted_and_timed():
    a, b = tf.random.normal([256, 256]), tf.random.normal([256])

    @tf.function(autograph=False)
    def run():
        c = a
        for _ in range(10):
            c = tf.nn.relu(tf.nn.bias_add(tf.matmul(c, a), b))
        return tf.reduce_sum(tf.linalg.matmul(c, a))

    milliseconds, calls, wall, cpu = operation_times(run, runs=4)
    products = [kind for kind in calls if kind.endswith("MatMul")]
    assert sum(calls[kind] for kind in products) == 11
    assert calls["Sum"] == 1
    # Multiplying is most of what there is to do, and takes no longer than all of it.
    spent = sum(milliseconds[kind] for kind in products)
    assert 0.5 * sum(milliseconds.values()) < spent < 1e3 * wall
    assert cpu > 0


def test_a_kind_is_in_one_group():
    spent = {"Conv2DBackpropInput": 1.0, "AddV2": 2.0, "AddN": 4.0, "SplitV": 8.0, "Print": 16.0}
    sums = {name: value for name, value in grouped(spent).items() if value}
    assert sums == {
        "products and convolutions": 1.0,
        "scales, log-dets, affine maps": 6.0,
        "splitting and joining channels": 8.0,
        "other": 16.0,
    }
