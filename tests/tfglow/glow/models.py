"""Tiny models, and what the tests of `Glow` share."""

import dataclasses

import numpy as np

import tfglow
from tests.tfglow.bijectors.contract import randomize

CONFIG = tfglow.GlowConfig(image_shape=(8, 8, 3), levels=2, steps=2, width=8, seed=1)
CONDITIONAL = dataclasses.replace(CONFIG, num_classes=5, weight_y=0.25)
NUM_DIMS = 8 * 8 * 3


def make_glow(config=CONFIG, **fields):
    """A model whose weights are all random: none zero, nothing the identity."""
    glow = tfglow.Glow(dataclasses.replace(config, **fields))
    randomize(glow.flow)
    if glow.classifier is not None:
        rng = np.random.default_rng(1)
        glow.classifier.set_weights([rng.normal(size=w.shape) for w in glow.classifier.weights])
    return glow
