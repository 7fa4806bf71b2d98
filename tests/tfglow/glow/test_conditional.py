"""Models with labels and a classifier."""

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.tfglow.glow.models import CONDITIONAL, make_glow
from tfglow import likelihood

pytestmark = pytest.mark.slow


def test_labels_change_the_likelihood(conditional, images, noise, labels):
    ours = conditional.log_prob(images, labels, noise)
    theirs = conditional.log_prob(images, (labels + 1) % 5, noise)
    assert np.all(np.abs(ours - theirs) > 1e-3)
    np.testing.assert_array_equal(
        conditional.decode(conditional.encode(images, labels), labels), images
    )


def test_classifier_term_by_hand(conditional, images, noise, labels):
    terms = conditional.objective(images, labels, noise)
    x = likelihood.dequantize(images, 8, noise)
    _, _, top = conditional.flow.forward_to_top(x, labels)
    kernel, b, logs = (
        w.numpy().astype(np.float64) for w in conditional.classifier.named_variables.values()
    )
    features = top.numpy().astype(np.float64).mean((1, 2))
    logits = (features @ kernel + b) * np.exp(3 * logs)
    log_softmax = logits - np.log(np.sum(np.exp(logits), -1, keepdims=True))
    bits = -log_softmax[np.arange(4), labels] / np.log(2)
    np.testing.assert_allclose(terms["class_bits"], bits, rtol=1e-4)
    np.testing.assert_array_equal(terms["accuracy"], logits.argmax(-1) == labels)
    bits_per_dim = conditional.bits_per_dim(images, labels, noise)
    np.testing.assert_allclose(terms["bits_per_dim"], bits_per_dim, rtol=1e-6)
    np.testing.assert_allclose(terms["loss"], bits_per_dim + 0.25 * bits, rtol=1e-5)


def test_classifier_is_trained(conditional, images, labels):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(conditional.objective(images, labels)["loss"])
    gradients = tape.gradient(loss, conditional.classifier.trainable_variables)
    assert all(np.any(g.numpy() != 0) for g in gradients)
    assert len(conditional.trainable_variables) == len(conditional.flow.trainable_variables) + 3


def test_classifier_starts_at_a_guess(images, labels):
    glow = tfglow.Glow(CONDITIONAL)
    class_bits = glow.objective(images, labels)["class_bits"]
    np.testing.assert_allclose(class_bits, np.full(4, np.log2(5)), rtol=1e-6)


def test_conditional_model_without_a_classifier(images, labels):
    glow = make_glow(CONDITIONAL, weight_y=0.0)
    assert glow.classifier is None
    assert set(glow.objective(images, labels)) == {"loss", "bits_per_dim"}
