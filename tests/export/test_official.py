"""The folded graph against what the official implementation computed from its own weights."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from export.signatures import Signatures
from tests.official_checkpoints import official_folder
from tfglow import official

CONFIGS = {
    "affine_invconv_8bit": {"num_bits": 8},
    "additive_shuffle_conditional_5bit": {"num_bits": 5, "weight_y": 0.01},
}
both = pytest.mark.parametrize("name", CONFIGS)


@functools.cache
def loaded(name):
    """The signatures of an official checkpoint, its labels, and the official numbers."""
    folder = official_folder(name)
    config = official.infer_config(str(folder), image_size=32, **CONFIGS[name])
    glow = official.load(str(folder), config)
    with np.load(folder / "expected.npz") as arrays:
        expected = dict(arrays)
    label = tf.constant(expected["label"], tf.int32) if config.num_classes else None
    latents = [expected[f"eps_{level}"].reshape(8, -1) for level in range(config.levels)]
    expected["latent"] = np.concatenate(latents, axis=1)
    return Signatures(glow), label, expected


@both
def test_latents_are_the_official_ones(name):
    signatures, label, expected = loaded(name)
    latent, _ = signatures.flow.forward(tf.constant(expected["continuous"]), label)
    np.testing.assert_allclose(latent, expected["latent"], rtol=1e-4, atol=1e-4)


@both
def test_decoded_images_are_the_official_ones(name):
    signatures, label, expected = loaded(name)
    labels = () if label is None else (label,)
    answer = signatures.decode(tf.constant(0.7 * expected["latent"]), *labels)
    assert answer["valid"].numpy().all()
    difference = np.abs(answer["image"].numpy().astype(int) - expected["decoded_07"])
    assert (difference > 0).mean() < 1e-3  # A value on the border of two bins.
    assert difference.max() <= 2 ** (8 - CONFIGS[name]["num_bits"])


@both
def test_images_come_back(name):
    signatures, label, expected = loaded(name)
    labels = () if label is None else (label,)
    answer = signatures.encode(tf.constant(expected["image"]), *labels)
    image = signatures.decode(answer["latent"], *labels)["image"]
    step = 2 ** (8 - CONFIGS[name]["num_bits"])
    np.testing.assert_array_equal(image, expected["image"] // step * step)
    # Deterministic noise against one random draw of it.
    np.testing.assert_allclose(answer["bits_per_dim"], expected["bits_per_dim"], atol=0.1)
