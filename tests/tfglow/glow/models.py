"""Tiny models, and what the tests of `Glow` share."""

import dataclasses

import numpy as np

import tfglow
from tests.random_glow import random_glow

CONFIG = tfglow.GlowConfig(image_shape=(8, 8, 3), levels=2, steps=2, width=8, seed=1)
CONDITIONAL = dataclasses.replace(CONFIG, num_classes=5, weight_y=0.25)
NUM_DIMS = 8 * 8 * 3


def make_glow(config=CONFIG, scale=0.05, **fields):
    """A model whose weights are all random: none zero, nothing the identity."""
    return random_glow(dataclasses.replace(config, **fields), scale=scale)


def drawn_anew(first, second):
    """Whether likelihoods are of different noise: one in a hundred is the same by rounding."""
    return np.mean(np.equal(first, second)) <= 1 / 4
