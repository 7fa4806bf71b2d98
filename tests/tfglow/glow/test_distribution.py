"""The model as a TFP distribution."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.tfglow.glow.models import NUM_DIMS

pytestmark = pytest.mark.slow

tfb = tfp.bijectors
tfd = tfp.distributions


def test_distribution_is_tfps(glow):
    distribution = glow.distribution
    assert isinstance(distribution, tfd.TransformedDistribution)
    assert distribution.bijector.bijector is glow.flow
    assert distribution.event_shape == (8, 8, 3) and distribution.batch_shape == ()
    assert distribution.distribution.event_shape == (NUM_DIMS,)
    shown = {id(v) for v in distribution.trainable_variables}
    assert shown == {id(v) for v in glow.flow.trainable_variables}


@pytest.mark.parametrize("sample_shape", [(), (2,), (2, 3)])
def test_distribution_samples_of_any_shape(glow, sample_shape):
    sample = glow.distribution.sample(sample_shape, seed=1)
    assert sample.shape == (*sample_shape, 8, 8, 3)
    log_prob = glow.distribution.log_prob(tf.identity(sample))
    assert log_prob.shape == sample_shape
    flat = tf.reshape(sample, [-1, 8, 8, 3])
    np.testing.assert_allclose(
        tf.reshape(log_prob, [-1]), glow.distribution.log_prob(flat), rtol=1e-4
    )


def test_distribution_with_labels(conditional, labels):
    kwargs = {"bijector_kwargs": {"labels": labels}}
    sample = conditional.distribution.sample(4, seed=1, **kwargs)
    log_prob = conditional.distribution.log_prob(sample, **kwargs)
    for i, label in enumerate(labels):
        alone = conditional.distribution.log_prob(
            tf.identity(sample[i]), bijector_kwargs={"labels": label}
        )
        np.testing.assert_allclose(alone, log_prob[i], rtol=1e-4)
    with pytest.raises(ValueError, match="conditional on 5 classes and needs `labels`"):
        conditional.distribution.log_prob(sample)


def test_labels_through_a_chain(conditional, noise, labels):
    chain = tfb.Chain([tfb.Scale(2.0), conditional.flow])
    kwargs = {"glow_flow": {"labels": labels}}
    z = conditional.flow.forward(noise, labels=labels)
    np.testing.assert_allclose(chain.forward(noise, **kwargs), 2.0 * z, rtol=1e-5, atol=1e-6)
    expected = conditional.flow.forward_log_det_jacobian(noise, labels=labels)
    log_det = chain.forward_log_det_jacobian(noise, event_ndims=3, **kwargs)
    np.testing.assert_allclose(log_det, expected + NUM_DIMS * np.log(2.0), rtol=1e-5)
