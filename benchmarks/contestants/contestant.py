"""What is asked of every contestant."""

import abc
import dataclasses
from collections.abc import Callable

TASKS = ("train", "log_prob", "sample")
LEARNING_RATE = 1e-4


@dataclasses.dataclass(frozen=True)
class Size:
    """A Glow of 32×32×3 images with affine couplings, and the images of a step."""

    # L: how often the flow squeezes.
    levels: int
    # K: flow steps a level.
    steps: int
    # Channels of the hidden convolutions.
    width: int
    # Images of a step.
    batch_size: int

    image_shape = (32, 32, 3)


SIZES = {
    "tiny": Size(levels=2, steps=2, width=8, batch_size=2),
    "small": Size(levels=3, steps=8, width=128, batch_size=32),
    "paper": Size(levels=3, steps=32, width=512, batch_size=16),
    "paper_k64": Size(levels=3, steps=64, width=512, batch_size=16),
}


class Contestant(abc.ABC):
    """An implementation of Glow at some size.

    Building it makes the model. `train` is one step: loss, gradients, update of the weights;
    `log_prob` and `sample` are for `size.batch_size` images. Each returns a function without
    arguments that does the work once, and returns when it is done.
    """

    @abc.abstractmethod
    def train(self) -> Callable[[], float]:
        """Returns what takes a step and returns its loss (nats or bits; finite)."""

    @abc.abstractmethod
    def log_prob(self) -> Callable[[], object]:
        """Returns what computes likelihoods."""

    @abc.abstractmethod
    def sample(self) -> Callable[[], object]:
        """Returns what draws images."""

    def graph_operations(self) -> int | None:
        """Operations of the training graph and its functions; None where there is no graph."""
        return None
