"""Models whose every weight has been moved, so that no layer is the zero it starts as."""

import numpy as np
import tensorflow as tf

import tfglow
from tfglow.bijectors import FlowSteps


def randomize(model: tf.Module | tfglow.Glow, seed: int = 0, scale: float = 0.05) -> None:
    """Adds N(0, scale²) to every trained variable; 0.05 makes a small model like a trained one."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        noise = rng.normal(scale=scale, size=variable.shape)
        variable.assign_add(tf.constant(noise, variable.dtype))


def random_glow(config: tfglow.GlowConfig, seed: int = 0, scale: float = 0.05) -> tfglow.Glow:
    """A model of random weights."""
    glow = tfglow.Glow(config)
    randomize(glow, seed, scale)
    return glow


def assign_step(steps: FlowSteps, k: int, name: str, value: np.ndarray | float) -> None:
    """Changes one step's values of a variable, such as `actnorm/b` or `network/conv_1/kernel`."""
    variable = steps.named_variables[name]
    values = variable.numpy()
    values[k] = value
    variable.assign(values)
