import keras
import numpy as np
import pytest
import tensorflow as tf

from tfglow.optimizers import OfficialAdamax

# A small quadratic, f(w) = Σ aᵢ·wᵢ².
START = np.array([1.0, -2.0, 3.0])
CURVATURE = np.array([1.0, 0.1, 3.0])


def official_rule(num_steps, learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """The update of the official code's optim.py, in NumPy; `learning_rate` of the step t."""
    w, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for t in range(1, num_steps + 1):
        g = 2 * CURVATURE * w
        m = beta_1 * m + (1 - beta_1) * g
        v = np.maximum(beta_2 * v, np.abs(g))
        w -= learning_rate(t) * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (v + epsilon)
    return w


def minimize(optimizer, num_steps, dtype="float64", jit_compile=False):
    w = keras.Variable(START, dtype=dtype)
    optimizer.build([w])

    @tf.function(jit_compile=jit_compile)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.constant(CURVATURE, dtype) * w.value**2)
        optimizer.apply_gradients([(tape.gradient(loss, w.value), w)])

    for _ in range(num_steps):
        step()
    return w.numpy()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-14), ("float32", 1e-6)])
def test_is_the_official_rule(dtype, tolerance):
    optimizer = OfficialAdamax(1e-2, beta_2=0.98)
    expected = official_rule(20, lambda t: 1e-2, beta_2=0.98)
    np.testing.assert_allclose(minimize(optimizer, 20, dtype), expected, rtol=tolerance)


def test_is_the_official_rule_under_xla():
    optimizer = OfficialAdamax(1e-2, beta_2=0.98)
    expected = official_rule(3, lambda t: 1e-2, beta_2=0.98)
    np.testing.assert_allclose(minimize(optimizer, 3, jit_compile=True), expected, rtol=1e-12)


def test_differs_from_adamax():
    adamax = keras.optimizers.Adamax(1e-2, beta_2=0.98, epsilon=1e-8)
    ours = minimize(OfficialAdamax(1e-2, beta_2=0.98), 20)
    assert np.abs(minimize(adamax, 20) - ours).max() > 0.05


def test_takes_a_schedule():
    schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 10, end_learning_rate=0.0)
    expected = official_rule(5, lambda t: 1.0 - (t - 1) / 10)
    np.testing.assert_allclose(minimize(OfficialAdamax(schedule), 5), expected, rtol=1e-6)


def test_takes_a_callable():
    expected = official_rule(5, lambda t: 0.25)
    np.testing.assert_allclose(minimize(OfficialAdamax(lambda: 0.25), 5), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "learning_rate", [1e-2, keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.5)]
)
def test_is_rebuilt_from_its_config(learning_rate):
    optimizer = OfficialAdamax(learning_rate, beta_1=0.8, beta_2=0.95, epsilon=1e-6, name="mine")
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is OfficialAdamax
    assert again.get_config() == optimizer.get_config()
    np.testing.assert_array_equal(minimize(again, 3), minimize(optimizer, 3))


def test_continues_from_a_checkpoint(tmp_path):
    """Its moments and its step are saved."""

    def parts():
        w, optimizer = keras.Variable(START, dtype="float64"), OfficialAdamax(1e-2, beta_2=0.9)
        optimizer.build([w])
        return w, optimizer, tf.train.Checkpoint(w=w, optimizer=optimizer)

    def steps(w, optimizer, num):
        for _ in range(num):
            optimizer.apply([tf.constant(2 * CURVATURE) * w.value], [w])

    w, optimizer, checkpoint = parts()
    steps(w, optimizer, 3)
    prefix = checkpoint.write(str(tmp_path / "ckpt"))
    again, optimizer_again, checkpoint_again = parts()
    checkpoint_again.read(prefix).assert_consumed()
    for pair in ((w, optimizer), (again, optimizer_again)):
        steps(*pair, 3)
    np.testing.assert_array_equal(again.numpy(), w.numpy())


def test_adds_few_operations_a_variable():
    """The graph of a model with over a thousand variables stays small."""

    def operations(num):
        variables = [keras.Variable(START) for _ in range(num)]
        optimizer = OfficialAdamax()
        optimizer.build(variables)
        gradients = [tf.constant(START, tf.float32)] * num

        @tf.function
        def apply():
            optimizer.apply(gradients, variables)

        graph = apply.get_concrete_function().graph
        return len([op for op in graph.get_operations() if op.type != "Placeholder"])

    assert operations(9) - operations(4) <= 3 * 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta_1": 1.0}, r"`beta_1` must be in \[0, 1\), got 1.0"),
        ({"beta_2": -0.1}, r"`beta_2` must be in \[0, 1\), got -0.1"),
        ({"epsilon": 0.0}, "`epsilon` must be positive, got 0.0"),
    ],
)
def test_refuses_what_is_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        OfficialAdamax(**arguments)
