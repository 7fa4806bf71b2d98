"""What the contestants on PyTorch have in common."""

import abc
import os
from collections.abc import Callable

import torch

from benchmarks.peers.contestant import LEARNING_RATE, Contestant
from benchmarks.sizes import Size


class TorchGlow(Contestant):
    """A Glow of PyTorch modules, trained by `torch.optim.Adamax`.

    Args:
      size: The model, and the images of a step.
    """

    def __init__(self, size: Size):
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        torch.manual_seed(0)
        self.size = size
        self.model = self.make_model()
        height, width, channels = size.image_shape
        self._x = torch.rand(size.batch_size, channels, height, width) - 0.5
        with torch.no_grad():  # Data-dependent layers initialise themselves at the first call.
            self.log_prob_of(self._x)
        self._optimizer = torch.optim.Adamax(self.model.parameters(), lr=LEARNING_RATE)

    @abc.abstractmethod
    def make_model(self) -> torch.nn.Module:
        """The flow."""

    @abc.abstractmethod
    def log_prob_of(self, x: torch.Tensor) -> torch.Tensor:
        """log p of continuous images `[B, C, H, W]`, nats, `[B]`."""

    @abc.abstractmethod
    def draw(self) -> torch.Tensor:
        """`size.batch_size` continuous images."""

    def train(self) -> Callable[[], float]:
        def step():
            self._optimizer.zero_grad()
            loss = -self.log_prob_of(self._x).mean()
            loss.backward()
            self._optimizer.step()
            return float(loss.detach())

        return step

    def log_prob(self) -> Callable[[], object]:
        def log_prob():
            with torch.no_grad():
                return self.log_prob_of(self._x).numpy()

        return log_prob

    def sample(self) -> Callable[[], object]:
        def sample():
            with torch.no_grad():
                return self.draw().numpy()

        return sample
