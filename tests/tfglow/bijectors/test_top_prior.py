import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.random_glow import randomize
from tests.tfglow.bijectors.contract import CASES
from tfglow.bijectors import TopPrior

tfd = tfp.distributions


def explicit_prior(prior, height, width, label=None):
    """The official prior for one event: a convolution over zeros, and a map of the label."""
    channels = prior.num_channels
    # Zeros with an edge channel, last, that is 1 in the padding: 3x3, SAME.
    padded = np.ones([1, height + 2, width + 2, 1])
    padded[:, 1:-1, 1:-1] = 0.0
    inputs = np.concatenate([np.zeros([1, height + 2, width + 2, 2 * channels]), padded], -1)
    kernel = np.random.default_rng(5).normal(size=[3, 3, 2 * channels + 1, 2 * channels])
    kernel[:, :, -1:] = prior.edge_kernel
    h = tf.nn.conv2d(inputs, kernel, 1, "VALID").numpy()
    h = (h + prior.b.numpy()) * np.exp(3 * prior.logs.numpy())
    if label is not None:
        embedding = prior.label_embedding
        row = embedding.kernel.numpy()[label] + embedding.b.numpy()
        h = h + row * np.exp(3 * embedding.logs.numpy())
    # The halves are contiguous: means, then log scales.
    return tfd.Independent(tfd.Normal(h[0, ..., :channels], np.exp(h[0, ..., channels:])), 3)


def test_starts_as_the_identity():
    x, _ = CASES["top"].inputs(dtype="float64")
    y, log_det = TopPrior(4, num_classes=3, dtype=tf.float64).forward_and_log_det(x, labels=0)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(log_det, np.zeros(3))


@pytest.mark.parametrize("height, width", [(3, 2), (1, 1), (4, 5)])
def test_is_the_official_prior(height, width):
    prior = CASES["top"].bijector("float64")
    z = np.random.default_rng(0).normal(size=[2, height, width, 4])
    y, log_det = prior.forward_and_log_det(z)
    white = tfd.Independent(tfd.Normal(np.zeros([height, width, 4]), 1.0), 3)
    expected = explicit_prior(prior, height, width).log_prob(z)
    np.testing.assert_allclose(white.log_prob(y) + log_det, expected, rtol=1e-12)


def test_labels():
    prior = CASES["top_labels"].bijector("float64")
    z, _ = CASES["top_labels"].inputs(dtype="float64")
    labels = [4, 0, 2]
    y, log_det = prior.forward_and_log_det(z, labels=labels)
    white = tfd.Independent(tfd.Normal(np.zeros([2, 2, 4]), 1.0), 3)
    for i, label in enumerate(labels):
        expected = explicit_prior(prior, 2, 2, label).log_prob(z[i])
        np.testing.assert_allclose(white.log_prob(y[i]) + log_det[i], expected, rtol=1e-12)


def test_one_label_serves_a_batch():
    prior = CASES["top_labels"].bijector("float64")
    z, _ = CASES["top_labels"].inputs(dtype="float64")
    y, log_det = prior.forward_and_log_det(z, labels=2)
    expected, expected_log_det = prior.forward_and_log_det(z, labels=[2, 2, 2])
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(log_det, expected_log_det)


def test_labels_of_a_batch_and_sample_shape():
    prior = CASES["top_labels"].bijector("float64")
    z = np.random.default_rng(0).normal(size=[5, 3, 2, 2, 4])
    y = prior.forward(z, labels=[4, 0, 2])
    for i, label in enumerate([4, 0, 2]):
        np.testing.assert_allclose(y[:, i], prior.forward(z[:, i], labels=label), atol=1e-14)


def test_variables_of_each_kind():
    assert TopPrior(4, learn_top=False).variables == ()
    assert set(TopPrior(4).named_variables) == {"edge_kernel", "b", "logs"}
    both = set(TopPrior(4, num_classes=3).named_variables)
    embedding = {f"label_embedding/{name}" for name in ("kernel", "b", "logs")}
    assert both == {"edge_kernel", "b", "logs"} | embedding


def test_labels_missing_or_unwanted():
    z = np.zeros([2, 2, 2, 4], np.float32)
    for refused in (TopPrior(4, num_classes=3).forward, TopPrior(4, num_classes=3).inverse):
        with pytest.raises(ValueError, match="conditional on 3 classes and needs `labels`"):
            refused(z)
    for refused in (TopPrior(4).forward, TopPrior(4).inverse):
        with pytest.raises(ValueError, match=r"unconditional .*got `labels`"):
            refused(z, labels=[1, 2])


@pytest.mark.parametrize("label", [-1, 3])
def test_validate_args_refuses_labels_out_of_range(label):
    prior = TopPrior(4, num_classes=3, validate_args=True)
    randomize(prior)
    z = tf.zeros([2, 2, 2, 4])
    for function in (prior.forward, tf.function(prior.forward)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"A label is not in \[0, 3\)"):
            function(z, labels=tf.constant([0, label]))


@pytest.mark.parametrize("num_classes", [-1, 2.0, None])
def test_num_classes(num_classes):
    with pytest.raises(ValueError, match=f"`num_classes`.*got {num_classes!r}"):
        TopPrior(4, num_classes=num_classes)
