"""A Glow of FrEIA's layers."""

import math

import torch
from FrEIA import framework, modules

from benchmarks.peers.torch_glow import TorchGlow
from benchmarks.sizes import Size


class FreiaGlow(TorchGlow):
    """`AllInOneBlock`s: FrEIA's affine map, permutation and one-sided affine coupling in one.

    The permutation is a rotation that stays as it is drawn. Between levels half of the channels
    leave for a standard Gaussian.
    """

    def make_model(self) -> torch.nn.Module:
        return _Levels(self.size)

    def log_prob_of(self, x: torch.Tensor) -> torch.Tensor:
        latent, log_det = self.model(x)
        num_dims = latent.shape[1]
        return log_det - 0.5 * ((latent**2).sum(1) + num_dims * math.log(2 * math.pi))

    def draw(self) -> torch.Tensor:
        num_dims = math.prod(self.size.image_shape)
        return self.model.inverse(torch.randn(self.size.batch_size, num_dims))


class _Levels(torch.nn.Module):
    """Levels of flow steps; the latents of all as one vector."""

    def __init__(self, size: Size):
        super().__init__()
        height, width, channels = size.image_shape
        self.levels = torch.nn.ModuleList()
        self.shapes = []
        for level in range(size.levels):
            flow = framework.SequenceINN(channels, height, width)
            flow.append(modules.IRevNetDownsampling)
            channels, height, width = channels * 4, height // 2, width // 2
            for _ in range(size.steps):
                flow.append(
                    modules.AllInOneBlock,
                    subnet_constructor=lambda c_in, c_out: _network(c_in, c_out, size.width),
                    permute_soft=True,
                )
            self.levels.append(flow)
            channels //= 1 if level == size.levels - 1 else 2
            self.shapes.append((channels, height, width))

    def forward(self, x):
        latents, total = [], 0.0
        for level in self.levels:
            x, log_det = level(x)
            total = total + log_det
            if level is not self.levels[-1]:
                x, leaving = x.chunk(2, dim=1)
                latents.append(leaving.flatten(1))
        return torch.cat([*latents, x.flatten(1)], dim=1), total

    def inverse(self, latent):
        parts = latent.split([math.prod(shape) for shape in self.shapes], dim=1)
        parts = [p.reshape(-1, *shape) for p, shape in zip(parts, self.shapes, strict=True)]
        x = parts.pop()
        x, _ = self.levels[-1](x, rev=True)
        for level, leaving in zip(reversed(self.levels[:-1]), reversed(parts), strict=True):
            x, _ = level(torch.cat([x, leaving], dim=1), rev=True)
        return x


def _network(channels_in, channels_out, width):
    """The paper's coupling network, its last convolution starting at zero."""
    layers = [
        torch.nn.Conv2d(channels_in, width, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(width, width, 1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(width, channels_out, 3, padding=1),
    ]
    torch.nn.init.zeros_(layers[-1].weight)
    torch.nn.init.zeros_(layers[-1].bias)
    return torch.nn.Sequential(*layers)
