import numpy as np
import pytest

import tfglow
from benchmarks import far_latents


@pytest.mark.slow
def test_counts_what_has_no_image():
    """Of a flow that is a rotation, but for pixels ten times as large."""
    config = tfglow.GlowConfig(
        image_shape=(8, 8, 1), levels=1, steps=1, width=4, coupling="additive", num_classes=3
    )
    glow = tfglow.Glow(config)
    logs = glow.flow.named_variables["level0/steps/actnorm/logs"]
    logs.assign_sub(np.full(logs.shape, np.log(10) / 3, np.float32))
    near, far, farther = far_latents.count(glow, [1e-3, 5e37, 3e38], 70)
    assert near == (1e-3, 70, 0, 0, 0, 70)
    assert far == (5e37, 70, 70, 70, 0, 0)
    # What is not finite itself has no image in any arithmetic.
    assert (farther.lost, farther.rescued) == (70, 0)
