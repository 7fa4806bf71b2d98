import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.optimizers.quadratic import CURVATURE, START, gradient, minimize
from tfglow.optimizers import FusedAdam, OfficialAdamax

pytestmark = pytest.mark.slow

OPTIMIZERS = [OfficialAdamax, FusedAdam]


def built(optimizer):
    w = keras.Variable(START, dtype="float64")
    optimizer.build([w])
    return w


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_takes_schedules_and_callables(optimizer_class):
    """At the step that Keras counts, from 0."""
    rates = [0.5, 0.4, 0.3]
    schedule = keras.optimizers.schedules.PolynomialDecay(0.5, 5, end_learning_rate=0.0)
    left = iter(rates)

    class Rate:
        def __call__(self):
            return next(left)

    by_callable = optimizer_class(Rate())
    w = built(by_callable)
    for _ in rates:
        by_callable.apply([tf.constant(gradient(w.numpy()))])
    np.testing.assert_allclose(minimize(optimizer_class(schedule), 3), w.numpy(), rtol=1e-6)


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
@pytest.mark.parametrize(
    "learning_rate", [1e-2, keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.5)]
)
def test_is_rebuilt_from_its_config(optimizer_class, learning_rate):
    optimizer = optimizer_class(learning_rate, beta_1=0.8, beta_2=0.95, epsilon=1e-6, name="mine")
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is optimizer_class
    assert again.get_config() == optimizer.get_config()
    np.testing.assert_array_equal(minimize(again, 3), minimize(optimizer, 3))


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_continues_from_a_checkpoint(optimizer_class, tmp_path):
    """Its moments and its step are saved."""

    def steps(w, optimizer, num):
        for _ in range(num):
            optimizer.apply([tf.constant(gradient(w.numpy()))])

    optimizer, again = optimizer_class(1e-2, beta_2=0.9), optimizer_class(1e-2, beta_2=0.9)
    w, w_again = built(optimizer), built(again)
    steps(w, optimizer, 3)
    prefix = tf.train.Checkpoint(w=w, optimizer=optimizer).write(str(tmp_path / "ckpt"))
    tf.train.Checkpoint(w=w_again, optimizer=again).read(prefix).assert_consumed()
    steps(w, optimizer, 3)
    steps(w_again, again, 3)
    np.testing.assert_array_equal(w_again.numpy(), w.numpy())


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_updates_where_it_may(optimizer_class, jit_compile):
    """The same as `apply` where the condition holds, and nothing at all where it does not."""
    gated, plain = optimizer_class(1e-2), optimizer_class(1e-2)
    w, expected = built(gated), built(plain)
    update = tf.function(
        lambda condition, g: gated.update_where(condition, [g]), jit_compile=jit_compile
    )
    for bad in (np.nan, np.inf, None, -np.inf, None):
        if bad is None:
            g = tf.constant(gradient(expected.numpy()))
            update(tf.constant(True), g)
            plain.apply([g])
            np.testing.assert_allclose(w.numpy(), expected.numpy(), rtol=1e-14)
        else:
            before = [v.numpy() for v in [w, *gated.variables]]
            update(tf.constant(False), tf.constant([bad, 1.0, 2.0], tf.float64))
            for value, variable in zip(before, [w, *gated.variables], strict=True):
                np.testing.assert_array_equal(variable.numpy(), value)
    assert int(gated.iterations) == int(plain.iterations) == 2


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_scales_gradients(optimizer_class):
    scaled, plain = optimizer_class(1e-2), optimizer_class(1e-2)
    w, expected = built(scaled), built(plain)
    scaled.update_where(tf.constant(True), [tf.constant(gradient(START))], scale=0.25)
    plain.apply([tf.constant(0.25 * gradient(START))])
    np.testing.assert_allclose(w.numpy(), expected.numpy(), rtol=1e-14)


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_updates_every_replica_alike(optimizer_class):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        optimizer = optimizer_class(1e-2)
        w = built(optimizer)

    @tf.function
    def step(factor):
        def on_replica():
            context = tf.distribute.get_replica_context()
            share = tf.cast(context.replica_id_in_sync_group + 1, tf.float64) / 3.0
            g = share * factor * 2.0 * CURVATURE * w.value
            return context.all_reduce(tf.distribute.ReduceOp.SUM, g)

        g = strategy.run(on_replica)
        finite = tf.math.is_finite(factor)
        optimizer.update_where(finite, [g])

    for factor in (1.0, np.nan, 1.0):
        step(tf.constant(factor, tf.float64))
    copies = [v.numpy() for v in strategy.experimental_local_results(w.value)]
    assert len(copies) == 2
    np.testing.assert_array_equal(copies[0], copies[1])
    alone = optimizer_class(1e-2)
    np.testing.assert_allclose(copies[0], minimize(alone, 2), rtol=1e-12)


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_adds_few_operations_a_variable(optimizer_class):
    """The graph of a model of many variables stays small."""

    def operations(num):
        variables = [keras.Variable(START, dtype="float32") for _ in range(num)]
        optimizer = optimizer_class()
        optimizer.build(variables)
        gradients = [tf.constant(START, tf.float32)] * num

        @tf.function
        def update(condition):
            optimizer.update_where(condition, gradients)

        graph = update.get_concrete_function(tf.TensorSpec([], tf.bool)).graph
        return len([op for op in graph.get_operations() if op.type != "Placeholder"])

    assert operations(9) - operations(4) <= 2 * 5


def test_has_a_gradient_for_every_variable():
    optimizer = OfficialAdamax()
    built(optimizer)
    with pytest.raises(ValueError, match="shorter"):
        optimizer.update_where(tf.constant(True), [])


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta_1": 1.0}, r"`beta_1` must be in \[0, 1\), got 1.0"),
        ({"beta_2": -0.1}, r"`beta_2` must be in \[0, 1\), got -0.1"),
        ({"epsilon": 0.0}, r"`epsilon` must be positive, got 0.0"),
    ],
)
def test_refuses_what_is_out_of_range(optimizer_class, arguments, message):
    with pytest.raises(ValueError, match=message):
        optimizer_class(**arguments)
