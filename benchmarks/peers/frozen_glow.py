"""This project's Glow as a frozen view: its likelihoods and samples."""

from collections.abc import Callable

import tfglow
from benchmarks.images import random_batch
from benchmarks.models import glow_config
from benchmarks.peers.contestant import Contestant
from benchmarks.sizes import Size


class FrozenGlow(Contestant):
    """`glow.frozen()`, called eagerly, as users call it.

    Args:
      size: The model, and the images of a batch.
      precision: "float32" or "mixed_bfloat16"; samples are float32's in both.
      constants_in_graph: Whether the graphs hold the constants themselves.
    """

    def __init__(self, size: Size, precision: str = "float32", constants_in_graph: bool = False):
        glow = tfglow.Glow(glow_config(size, precision=precision))
        self._size = size
        self._batch = random_batch(size.batch_size, size.image_shape)
        glow.initialize(self._batch["image"])
        self._view = glow.frozen(constants_in_graph)

    def train(self) -> Callable[[], float]:
        raise ValueError("A frozen view does not train.")

    def log_prob(self) -> Callable[[], object]:
        image, noise = self._batch["image"], self._batch["noise"]
        return lambda: self._view.log_prob(image, noise=noise).numpy()

    def sample(self) -> Callable[[], object]:
        return lambda: self._view.sample(self._size.batch_size, temperature=0.7).numpy()
