import keras
import numpy as np
import pytest
import tensorflow as tf

from tfglow.optimizers.weight_average import WeightAverage


def model(width=3, start=1.0):
    dense = keras.layers.Dense(width, kernel_initializer=keras.initializers.Constant(start))
    return keras.Sequential([keras.Input((2,)), dense, keras.layers.BatchNormalization()])


def test_is_the_weighted_mean_of_all_weights_so_far():
    trained, average = model(), model(start=7.0)
    ema = WeightAverage(trained, average, decay=0.9)
    update = tf.function(ema.update)
    values = np.random.default_rng(0).normal(size=20)
    kernel, averaged = trained.weights[0], average.weights[0]
    for t, value in enumerate(values, start=1):
        kernel.assign(tf.fill([2, 3], value))
        update()
        weights = 0.9 ** np.arange(t - 1, -1, -1)
        expected = np.sum(weights * values[:t]) / np.sum(weights)
        np.testing.assert_allclose(averaged.numpy(), expected, atol=1e-6)
    assert int(ema.count) == 20
    np.testing.assert_allclose(kernel.numpy(), values[-1], rtol=1e-6)  # Left as it is.


def test_is_the_official_average():
    """tf.train.ExponentialMovingAverage with zero debiasing, worked out: biased / (1 − dᵗ)."""
    trained, average = model(), model()
    ema = WeightAverage(trained, average, decay=0.999)
    biased = 0.0
    for t in range(1, 51):
        trained.weights[0].assign(tf.fill([2, 3], float(t)))
        ema.update()
        biased = 0.999 * biased + 0.001 * t
    np.testing.assert_allclose(average.weights[0].numpy(), biased / (1 - 0.999**50), rtol=1e-5)


def test_horizon_is_at_most_a_share_of_the_updates():
    """Against the recursion in NumPy, to where the official rule has the shorter horizon."""
    trained, average = model(), model(start=7.0)
    ema = WeightAverage(trained, average, decay=0.9, share=0.25)
    update = tf.function(ema.update)
    values = np.random.default_rng(1).normal(size=60)
    expected, rates = 0.0, []
    for t, value in enumerate(values, start=1):
        trained.weights[0].assign(tf.fill([2, 3], value))
        update()
        rates.append(max(0.1 / (1 - 0.9**t), min(1.0, 1 / (0.25 * t))))
        expected += rates[-1] * (value - expected)
        np.testing.assert_allclose(average.weights[0].numpy(), expected, atol=1e-6)
    # The weights themselves, then a quarter of the steps so far, then ten steps.
    assert rates[:4] == pytest.approx([1.0] * 4)
    assert rates[19] == pytest.approx(0.2)
    assert rates[-1] == pytest.approx(0.1, rel=2e-3)


def test_mean_age_of_an_average_is_its_share_of_the_steps():
    """t·s/(1 + s): with weights that grow by 1 a step it is what the average lags behind."""
    for share in (0.05, 0.1, 0.5):
        trained, average = model(), model()
        ema = WeightAverage(trained, average, decay=0.9999, share=share)
        update = tf.function(ema.update)
        for t in range(1, 401):
            trained.weights[0].assign(tf.fill([2, 3], float(t)))
            update()
        lag = 400 - average.weights[0].numpy()
        np.testing.assert_allclose(lag, 400 * share / (1 + share), atol=1.0)


def test_goes_on_where_it_was_saved_to_the_last_bit(tmp_path):
    values = np.random.default_rng(2).normal(size=12)

    def take(some, start_from=None, save_to=None):
        trained, average = model(), model()
        ema = WeightAverage(trained, average, decay=0.9, share=0.3)
        checkpoint = tf.train.Checkpoint(average=average, count=ema.count)
        if start_from:
            checkpoint.read(start_from).assert_consumed()
        for value in some:
            trained.weights[0].assign(tf.fill([2, 3], value))
            ema.update()
        return checkpoint.write(save_to) if save_to else average.weights[0].numpy()

    path = take(values[:5], save_to=str(tmp_path / "average"))
    np.testing.assert_array_equal(take(values[5:], start_from=path), take(values))


def test_reset_copies_all_weights():
    trained, average = model(start=2.0), model(start=5.0)
    trained.weights[-1].assign([3.0, 4.0, 5.0])  # The moving variance, which is not trained.
    ema = WeightAverage(trained, average, decay=0.9)
    ema.update()
    ema.reset()
    assert int(ema.count) == 0
    for mine, other in zip(average.weights, trained.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())


@pytest.mark.parametrize("first", [False, True])
def test_leaves_out_what_it_is_told_to(first):
    """Also as the first update, where there is no average yet."""
    trained, average = model(), model()
    ema = WeightAverage(trained, average, decay=0.5)
    update = tf.function(ema.update)
    taken = []
    for value in (1.0, 2.0, 3.0, 4.0):
        trained.weights[0].assign(tf.fill([2, 3], value))
        before = average.weights[0].numpy()
        take = (value % 2 == 1) == first
        update(tf.constant(take))
        taken += [value] if take else []
        if not take:
            np.testing.assert_array_equal(average.weights[0].numpy(), before)
    assert int(ema.count) == 2
    expected = (0.5 * taken[0] + taken[1]) / 1.5
    np.testing.assert_allclose(average.weights[0].numpy(), expected, rtol=1e-6)


def test_averages_every_replica_alike():
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        trained, average = model(), model()
        ema = WeightAverage(trained, average, decay=0.5)
    update = tf.function(ema.update)
    for value in (1.0, 4.0):
        trained.weights[0].assign(tf.fill([2, 3], value))
        update()
    copies = strategy.experimental_local_results(average.weights[0].value)
    assert len(copies) == 2
    for copy in copies:
        np.testing.assert_allclose(copy.numpy(), (0.5 * 1 + 4) / 1.5, rtol=1e-6)


def test_refuses_another_model_and_a_decay_of_one():
    with pytest.raises(ValueError, match="`average` must be another model with the same weights"):
        WeightAverage(model(), model(width=4), decay=0.9)
    with pytest.raises(ValueError, match=r"`decay` must be in \[0, 1\), got 1.0"):
        WeightAverage(model(), model(), decay=1.0)
    for share in (0.0, 1.5):
        with pytest.raises(ValueError, match=r"`share` must be in \(0, 1\] or None, got"):
            WeightAverage(model(), model(), decay=0.5, share=share)
