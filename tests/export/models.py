"""Configurations and inputs of the tests of exports."""

import numpy as np
import tensorflow as tf

import tfglow

# Small, and with everything that a model can have: not square, so that no axis stands for another.
IMAGE_SHAPE = (16, 8, 3)


def random_config(**overrides) -> tfglow.GlowConfig:
    """A configuration of three levels, with `overrides`."""
    return tfglow.GlowConfig(
        **{"image_shape": IMAGE_SHAPE, "levels": 3, "steps": 2, "width": 8, **overrides}
    )


def random_images(config: tfglow.GlowConfig, num: int = 5, seed: int = 0) -> tf.Tensor:
    """uint8 `[num, H, W, C]`."""
    values = np.random.default_rng(seed).integers(0, 256, size=[num, *config.image_shape])
    return tf.constant(values, tf.uint8)


def random_labels(config: tfglow.GlowConfig, num: int = 5) -> dict[str, tf.Tensor]:
    """`label` for a conditional model, and nothing for another."""
    if not config.num_classes:
        return {}
    return {"label": tf.constant(np.arange(num) % config.num_classes, tf.int32)}
