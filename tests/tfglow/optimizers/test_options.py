"""Every option of Keras's optimizers, in every dtype, does in the fused ones what it does there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfglow.optimizers import FusedAdam, OfficialAdamax

pytestmark = pytest.mark.slow

NUM_STEPS = 10
RATE = 0.1

OPTIONS = {
    "defaults": {},
    "betas": {"beta_1": 0.0, "beta_2": 0.9, "epsilon": 1e-3},
    "weight_decay": {"weight_decay": 0.1},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "ema": {"use_ema": True, "ema_momentum": 0.5},
    "ema_overwrites": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    "loss_scale_factor": {"loss_scale_factor": 8.0},
    "accumulation": {"gradient_accumulation_steps": 4},
    "all_together": {
        "weight_decay": 0.1,
        "global_clipnorm": 0.5,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "loss_scale_factor": 8.0,
        "gradient_accumulation_steps": 2,
    },
}
# Largest difference, of weights up to 3: in narrow dtypes one in the last place.
TOLERANCES = {"float64": 1e-7, "float32": 2e-6, "float16": 2e-3, "bfloat16": 1.6e-2}
TABLE = [
    (name, dtype)
    for name in OPTIONS
    for dtype in TOLERANCES
    if dtype != "float16" or name in ("defaults", "all_together")
]


def gradients(dtype, step, factor=1.0):
    """For two variables; they change sign and size."""
    first = np.array([1.5 * np.cos(step), -1.0 - step / 4, 0.01])
    second = np.full([2, 2], 0.7 * (-1.0) ** step)
    return [tf.constant(factor * g, dtype) for g in (first, second)]


def variables(dtype):
    starts = np.array([1.0, -2.0, 3.0]), np.array([[0.5, -0.5], [2.0, 1.0]])
    return [
        keras.Variable(start, dtype=dtype, name=n) for start, n in zip(starts, "ab", strict=True)
    ]


def values(weights):
    return np.concatenate([np.ravel(w.numpy()).astype(np.float64) for w in weights])


def trained(optimizer, dtype):
    """All weights after some steps, and the averages that the optimizer holds in the end."""
    weights = variables(dtype)
    optimizer.build(weights)
    factor = optimizer.loss_scale_factor or 1.0
    for step in range(NUM_STEPS):
        optimizer.apply(gradients(dtype, step, factor), weights)
    last = values(weights)
    assert np.isfinite(last).all()
    optimizer.finalize_variable_values(weights)
    return np.concatenate([last, values(weights)])


class PlainAdamax(keras.optimizers.Adamax):
    """The official rule in float64, on the values; what else there is, Keras does."""

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        m, v = self._m[index], self._u[index]
        t = float(self.iterations) + 1
        g, w, m_, v_ = (np.asarray(x, np.float64) for x in (gradient, variable, m, v))
        m_ = self.beta_1 * m_ + (1 - self.beta_1) * g
        v_ = np.maximum(self.beta_2 * v_, np.abs(g))
        rate = float(learning_rate) * np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        for target, value in ((m, m_), (v, v_), (variable, w - rate * m_ / (v_ + self.epsilon))):
            self.assign(target, tf.constant(value))


@pytest.mark.parametrize(("name", "dtype"), TABLE)
def test_adam_is_that_of_keras(name, dtype):
    expected = trained(keras.optimizers.Adam(RATE, **OPTIONS[name]), dtype)
    actual = trained(FusedAdam(RATE, **OPTIONS[name]), dtype)
    exact = dtype in ("float16", "bfloat16")  # Keras's own code.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=0 if exact else TOLERANCES[dtype])


@pytest.mark.parametrize(("name", "dtype"), TABLE)
def test_adamax_is_the_official_rule(name, dtype):
    """Of the values as their dtype holds them."""
    arguments = {"epsilon": 1e-8, **OPTIONS[name]}
    expected = trained(PlainAdamax(RATE, **arguments), dtype)
    actual = trained(OfficialAdamax(RATE, **arguments), dtype)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_amsgrad(dtype):
    expected = trained(keras.optimizers.Adam(RATE, amsgrad=True), dtype)
    np.testing.assert_array_equal(trained(FusedAdam(RATE, amsgrad=True), dtype), expected)


REFERENCES = [(FusedAdam, keras.optimizers.Adam), (OfficialAdamax, PlainAdamax)]


@pytest.mark.parametrize(("fused", "reference"), REFERENCES)
def test_schedules_and_callables(fused, reference):
    for rate in (keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), lambda: 0.05):
        for options in ({}, {"gradient_accumulation_steps": 2}):
            expected = trained(reference(rate, epsilon=1e-8, **options), "float32")
            actual = trained(fused(rate, epsilon=1e-8, **options), "float32")
            np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("fused", "reference"), REFERENCES)
def test_the_rate_may_be_assigned(fused, reference):
    results = []
    for make in (fused, reference):
        optimizer, weights = make(RATE, epsilon=1e-8), variables("float32")
        optimizer.build(weights)
        for step, rate in enumerate((None, 0.01, 1e-4)):
            if step == 1:
                optimizer.learning_rate = rate
            elif step == 2:
                optimizer.learning_rate.assign(rate)
            optimizer.apply(gradients("float32", step), weights)
        assert float(optimizer.learning_rate) == pytest.approx(1e-4)
        results.append(values(weights))
    np.testing.assert_allclose(*results, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("fused", "reference"), REFERENCES)
def test_sparse_and_missing_gradients(fused, reference):
    """Rows that are named twice are summed by Adamax; Keras's Adam squares them one by one."""
    results = []
    for make in (fused, reference):
        optimizer, weights = make(RATE, epsilon=1e-8), variables("float32")
        optimizer.build(weights)
        for _ in range(3):
            rows = tf.IndexedSlices(tf.constant([[1.0, -2.0]]), tf.constant([1]), [2, 2])
            with pytest.warns(UserWarning, match="Gradients do not exist"):
                optimizer.apply([None, tf.convert_to_tensor(rows)], weights)
        for _ in range(3):
            rows = tf.IndexedSlices(tf.constant([[1.0, -2.0]]), tf.constant([1]), [2, 2])
            dense = tf.convert_to_tensor(rows) if make is PlainAdamax else rows
            optimizer.apply([gradients("float32", 0)[0], dense], weights)
        results.append(values(weights))
    np.testing.assert_allclose(*results, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("fused", "reference"), REFERENCES)
def test_exclusions_from_decay_and_variables_that_take_their_gradient(fused, reference):
    results = []
    for make in (fused, reference):
        optimizer, weights = make(RATE, epsilon=1e-8, weight_decay=0.5), variables("float32")
        weights.append(keras.Variable([7.0], name="scale"))
        weights[-1].overwrite_with_gradient = True
        optimizer.exclude_from_weight_decay(var_names=["a"])
        optimizer.build(weights)
        for step in range(3):
            optimizer.apply([*gradients("float32", step), tf.constant([float(step)])], weights)
        results.append(values(weights))
    np.testing.assert_allclose(*results, rtol=0, atol=2e-6)
    assert results[0][-1] == 2.0


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_graphs(jit_compile):
    options = OPTIONS["all_together"]
    optimizer, weights = FusedAdam(RATE, **options), variables("float32")
    optimizer.build(weights)

    @tf.function(jit_compile=jit_compile)
    def step(grads):
        optimizer.apply(grads, weights)

    for number in range(NUM_STEPS):
        step(gradients("float32", number, 8.0))
    optimizer.finalize_variable_values(weights)
    expected = trained(keras.optimizers.Adam(RATE, **options), "float32")
    np.testing.assert_allclose(values(weights), expected[-7:], rtol=0, atol=2e-6)


def test_variables_of_several_dtypes():
    weights = [variables(dtype)[0] for dtype in ("float32", "bfloat16", "float64")]
    for make in (FusedAdam, OfficialAdamax):
        together = make(RATE)
        together.build(weights)
        before = [w.numpy().astype(np.float64) for w in weights]
        together.apply([gradients(w.dtype, 0)[0] for w in weights], weights)
        steps = [w.numpy().astype(np.float64) - b for w, b in zip(weights, before, strict=True)]
        np.testing.assert_allclose(steps[0], steps[2], atol=2e-6)


def trained_under(strategy, make):
    """All weights after some steps, of which each replica has an equal part of the gradient."""
    with strategy.scope():
        weights = [*variables("float32"), *variables("bfloat16")]
        optimizer = make()
        optimizer.build(weights)

    @tf.function
    def step(grads):
        strategy.run(lambda: optimizer.apply(grads, weights))

    for number in range(4):
        grads = [*gradients("float32", number), *gradients("bfloat16", number)]
        step([g / strategy.num_replicas_in_sync for g in grads])
    return values(weights)


@pytest.mark.parametrize("fused", [FusedAdam, OfficialAdamax])
def test_on_two_replicas(fused):
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    options = {"clipnorm": 0.5, "weight_decay": 0.1}
    on_two = trained_under(strategy, lambda: fused(RATE, beta_2=0.9, **options))
    on_one = trained_under(tf.distribute.get_strategy(), lambda: fused(RATE, beta_2=0.9, **options))
    np.testing.assert_allclose(on_two, on_one, rtol=1e-2, atol=2e-6)


def test_what_update_where_leaves_to_apply():
    for options in ({"weight_decay": 0.1}, {"clipnorm": 1.0}, {"use_ema": True}, {"amsgrad": True}):
        optimizer = FusedAdam(**options)
        optimizer.build(variables("float32"))
        name = next(iter(options))
        with pytest.raises(ValueError, match=f"use `apply` for {name}="):
            optimizer.update_where(tf.constant(True), gradients("float32", 0))
    optimizer = OfficialAdamax()
    optimizer.build(variables("bfloat16"))
    with pytest.raises(ValueError, match="of float32 and float64, got bfloat16"):
        optimizer.update_where(tf.constant(True), gradients("bfloat16", 0))


@pytest.mark.parametrize("fused", [FusedAdam, OfficialAdamax])
@pytest.mark.parametrize(
    "rate", [np.float32(0.5), np.float64(0.5), np.array(0.5), tf.constant(0.5)]
)
def test_numbers_of_any_kind(fused, rate):
    optimizer = fused(rate, beta_1=np.float32(0.5), beta_2=np.array(0.5), epsilon=np.float64(1e-3))
    config = optimizer.get_config()
    assert [config[n] for n in ("learning_rate", "beta_1", "beta_2")] == [0.5, 0.5, 0.5]
    assert fused.from_config(config).get_config() == config


def test_what_is_no_number():
    with pytest.raises(ValueError, match="`learning_rate` must be a number, got 'fast'"):
        FusedAdam("fast")
    with pytest.raises(ValueError, match="`beta_2` must be a number, got None"):
        OfficialAdamax(beta_2=None)
