"""The same arithmetic on plain PyTorch layers, for comparison in one call."""

import math

import torch
from torch import nn
from torch.nn import functional

from benchmarks.sizes import Size


class TorchPeer:
    """Trains and samples a Glow of plain layers.

    Args:
      size: The model, and the images of a step.
      device: "cpu" or "cuda".
      mixed: Whether the coupling networks run in bfloat16, by `torch.autocast`.
    """

    def __init__(self, size: Size, *, device: str, mixed: bool):
        torch.manual_seed(0)
        self._flow = _Flow(size, mixed).to(device)
        height, width, channels = size.image_shape
        self._x = torch.rand(size.batch_size, channels, height, width, device=device) - 0.5
        self._optimizer = torch.optim.Adamax(self._flow.parameters(), lr=1e-5)
        self._device = device

    def train(self) -> float:
        """Takes a step; its loss, nats."""
        self._optimizer.zero_grad(set_to_none=True)
        loss = -self._flow.log_prob(self._x).mean()
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    @torch.no_grad()
    def sample(self) -> torch.Tensor:
        """Images, on the CPU."""
        eps = torch.randn(self._x.shape[0], self._x[0].numel(), device=self._device)
        return self._flow.inverse(0.7 * eps).cpu()


class _Step(nn.Module):
    """ActNorm, invertible 1×1 convolution, affine coupling."""

    def __init__(self, channels: int, width: int, mixed: bool):
        super().__init__()
        self._mixed = mixed
        self.b = nn.Parameter(torch.zeros(channels, 1, 1))
        self.logs = nn.Parameter(torch.zeros(channels, 1, 1))
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(channels, channels))[0])
        self.conv_1 = nn.Conv2d(channels // 2, width, 3, padding=1)
        self.conv_2 = nn.Conv2d(width, width, 1)
        self.conv_last = nn.Conv2d(width, channels, 3, padding=1)
        for conv in (self.conv_1, self.conv_2):
            nn.init.normal_(conv.weight, std=0.05)
        nn.init.zeros_(self.conv_last.weight)
        nn.init.zeros_(self.conv_last.bias)

    def _shift_and_scale(self, half):
        with torch.autocast(half.device.type, torch.bfloat16, enabled=self._mixed):
            h = functional.relu(self.conv_1(half))
            h = self.conv_last(functional.relu(self.conv_2(h)))
        h = h.float()
        return h[:, 0::2], torch.sigmoid(h[:, 1::2] + 2.0)

    def forward(self, x):
        x = (x + self.b) * torch.exp(self.logs)
        pixels = x.shape[2] * x.shape[3]
        log_det = pixels * (self.logs.sum() + torch.linalg.slogdet(self.weight)[1])
        x = functional.conv2d(x, self.weight[:, :, None, None])
        first, second = x.chunk(2, dim=1)
        shift, scale = self._shift_and_scale(first)
        x = torch.cat([first, (second + shift) * scale], dim=1)
        return x, log_det + scale.log().flatten(1).sum(1)

    def inverse(self, x):
        first, second = x.chunk(2, dim=1)
        shift, scale = self._shift_and_scale(first)
        x = torch.cat([first, second / scale - shift], dim=1)
        x = functional.conv2d(x, torch.inverse(self.weight)[:, :, None, None])
        return x * torch.exp(-self.logs) - self.b


class _Flow(nn.Module):
    """Levels of steps; each but the last sends half of its channels to a learned Gaussian."""

    def __init__(self, size: Size, mixed: bool):
        super().__init__()
        side, _, channels = size.image_shape
        self.steps, self.splits, self.shapes = nn.ModuleList(), nn.ModuleList(), []
        for level in range(size.levels):
            channels, side = channels * 4, side // 2
            steps = [_Step(channels, size.width, mixed) for _ in range(size.steps)]
            self.steps.append(nn.ModuleList(steps))
            if level < size.levels - 1:
                split = nn.Conv2d(channels // 2, channels, 3, padding=1)
                nn.init.zeros_(split.weight)
                nn.init.zeros_(split.bias)
                self.splits.append(split)
                channels //= 2
            self.shapes.append((channels, side, side))

    def log_prob(self, x):
        log_prob = 0.0
        for level, steps in enumerate(self.steps):
            x = functional.pixel_unshuffle(x, 2)
            for step in steps:
                x, log_det = step(x)
                log_prob = log_prob + log_det
            if level < len(self.splits):
                x, leaving = x.chunk(2, dim=1)
                mean, log_scale = self.splits[level](x).chunk(2, dim=1)
                eps = (leaving - mean) * torch.exp(-log_scale)
                log_prob = log_prob - log_scale.flatten(1).sum(1) + _gaussian(eps)
        return log_prob + _gaussian(x)

    def inverse(self, eps):
        parts = eps.split([math.prod(shape) for shape in self.shapes], dim=1)
        parts = [p.reshape(-1, *shape) for p, shape in zip(parts, self.shapes, strict=True)]
        x = parts[-1]
        for level, steps in reversed(list(enumerate(self.steps))):
            if level < len(self.splits):
                mean, log_scale = self.splits[level](x).chunk(2, dim=1)
                x = torch.cat([x, parts[level] * torch.exp(log_scale) + mean], dim=1)
            for step in reversed(steps):
                x = step.inverse(x)
            x = functional.pixel_shuffle(x, 2)
        return x


def _gaussian(eps):
    """log N(ε; 0, I), nats, `[B]`."""
    return -0.5 * (eps**2 + math.log(2 * math.pi)).flatten(1).sum(1)
