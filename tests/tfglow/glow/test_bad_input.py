"""What is refused, in one sentence that quotes it."""

import numpy as np
import pytest

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


def test_noise_is_checked(glow, images, noise):
    with pytest.raises(ValueError, match=r"`noise` must have the shape \(4, 8, 8, 3\), got \(2,"):
        glow.log_prob(images, noise=noise[:2])
    with pytest.raises(ValueError, match=r"`noise` must be in \[0, 1\), got"):
        glow.log_prob(images, noise=255.0 * noise)
