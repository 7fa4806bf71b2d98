"""What is refused, in one sentence that quotes it."""

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.tfglow.glow.models import NUM_DIMS


def test_configuration_must_be_one():
    for wrong in (None, {"levels": 2}, "cifar10"):
        with pytest.raises(ValueError, match=r"`config` must be a tfglow.GlowConfig, got"):
            tfglow.Glow(wrong)
        with pytest.raises(ValueError, match=r"must be a tfglow.GlowConfig, got"):
            tfglow.bijectors.GlowFlow(wrong)


@pytest.mark.parametrize(
    "method", ["log_prob", "bits_per_dim", "encode", "initialize", "objective"]
)
def test_every_method_checks_its_images_and_labels(glow, conditional, images, method):
    for wrong, message in (
        (images / 255.0, r"Images must be uint8 in \[0, 255\], got float64 in \[0.0, 1.0\]"),
        (images.astype(np.int64), "Images must be uint8 .*got int64"),
        (images[:, :4], r"shape \[B, 8, 8, 3\], got \(4, 4, 8, 3\)"),
        (images[0], r"shape \[B, 8, 8, 3\], got \(8, 8, 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            getattr(glow, method)(wrong)
    with pytest.raises(ValueError, match=r"unconditional .*got `labels`"):
        getattr(glow, method)(images, labels=[0, 1, 2, 3])
    for wrong, message in (
        (None, "conditional on 5 classes and needs `labels`"),
        ([0, 1, 2, 5], r"Labels must be in \[0, 5\), got 5"),
        ([0, 1], r"Labels must have the shape \[4\], got \(2,\)"),
        ([0.0, 1.0, 2.0, 3.0], "Labels must be integers, got float32"),
    ):
        with pytest.raises(ValueError, match=message):
            getattr(conditional, method)(images, labels=wrong)


def test_decode_and_sample_check_their_input(glow, conditional):
    with pytest.raises(ValueError, match=r"Latents must have the shape \[B, 192\], got \(2, 7\)"):
        glow.decode(np.zeros([2, 7]))
    with pytest.raises(ValueError, match="Latents must be floating-point numbers, got uint8"):
        glow.decode(np.zeros([2, NUM_DIMS], np.uint8))
    for method, argument in ((glow.decode, np.zeros([2, NUM_DIMS])), (glow.sample, 2)):
        with pytest.raises(ValueError, match=r"unconditional .*got `labels`"):
            method(argument, labels=[0, 1])
    for method, argument in (
        (conditional.decode, np.zeros([2, NUM_DIMS])),
        (conditional.sample, 2),
    ):
        with pytest.raises(ValueError, match="needs `labels`"):
            method(argument)
        with pytest.raises(ValueError, match=r"Labels must be in \[0, 5\), got 7"):
            method(argument, labels=[0, 7])
        with pytest.raises(ValueError, match=r"Labels must have the shape \[2\], got \(3,\)"):
            method(argument, labels=[0, 1, 2])
    with pytest.raises(ValueError, match="`temperature` must be finite and >= 0, got -1"):
        glow.sample(2, temperature=-1.0)
    with pytest.raises(ValueError, match="`num` must be an integer >= 0, got -2"):
        glow.sample(-2)


@pytest.mark.parametrize("wrong", [1.5, "3", True, [1, 2], np.array([1, 2]), 2**63, 1.0])
def test_a_seed_is_an_integer(glow, wrong):
    with pytest.raises(ValueError, match=r"`seed` must be None or an integer of 64 bits, got "):
        glow.sample(2, seed=wrong)
    with pytest.raises(ValueError, match=r"`seed` must be None or an integer, got float32"):
        glow.sample(2, seed=tf.constant(1.5))


def test_seeds_are_integers_of_every_kind(glow):
    expected = glow.sample_latents(2, seed=7)
    for seed in (np.int64(7), np.uint8(7), np.array(7), tf.constant(7), tf.constant(7, tf.int64)):
        np.testing.assert_array_equal(glow.sample_latents(2, seed=seed), expected)
    assert np.abs(glow.sample_latents(2, seed=-7) - expected).max() > 0


@pytest.mark.parametrize("wrong", [None, "0.7", True, np.True_, [[0.5], [0.5, 1.0]], {"t": 1.0}])
def test_a_temperature_is_a_number(glow, wrong):
    with pytest.raises(
        ValueError, match=r"`temperature` must be (a number|numbers in one array), "
    ):
        glow.sample(2, temperature=wrong)


def test_what_is_no_array_is_refused_in_one_short_sentence(glow, conditional, images, noise):
    objects = np.array([images, None, images, images], object)
    for wrong in (None, {"image": images}, [images[0], [1]], objects, "dog.png"):
        for method in (glow.encode, glow.log_prob, glow.log_density, glow.decode):
            with pytest.raises(ValueError, match=r"(Images|Latents|images) must ") as error:
                method(wrong)
            assert len(str(error.value)) < 200
    with pytest.raises(
        ValueError, match=r"got dict; of a batch of `datasets` take batch\['image'\]"
    ):
        glow.bits_per_dim({"image": images})
    with pytest.raises(ValueError, match="`noise` must be numbers in one array, got dict"):
        glow.log_prob(images, noise={"noise": noise})
    with pytest.raises(ValueError, match=r"`noise` must be numbers in \[0, 1\), got string"):
        glow.log_prob(images, noise="random")
    with pytest.raises(ValueError, match="Labels must be numbers in one array, got dict"):
        conditional.log_prob(images, labels={"label": [0, 1, 2, 3]})


def test_what_to_do_with_labels_of_another_form_is_said(conditional, images):
    labels = np.array([0, 1, 2, 4])
    for wrong, message in (
        (labels[:, np.newaxis], r"got \(4, 1\): of a column of integers take labels\[:, 0\]"),
        (np.eye(5)[labels], r"got float64: of one-hot rows take tf.argmax\(labels, axis=-1\)"),
        (np.eye(5, dtype=int)[labels], r"got \(4, 5\): of one-hot rows take tf.argmax"),
    ):
        with pytest.raises(ValueError, match=message):
            conditional.encode(images, labels=wrong)


def test_noise_is_checked(glow, images, noise):
    with pytest.raises(ValueError, match=r"`noise` must have the shape \(4, 8, 8, 3\), got \(2,"):
        glow.log_prob(images, noise=noise[:2])
    with pytest.raises(ValueError, match=r"`noise` must be in \[0, 1\), got"):
        glow.log_prob(images, noise=255.0 * noise)
