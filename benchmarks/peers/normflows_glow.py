"""The Glow of normflows."""

import normflows
import torch

from benchmarks.peers.torch_glow import TorchGlow


class NormflowsGlow(TorchGlow):
    """`MultiscaleFlow` of `GlowBlock`s, put together as in normflows's own example of Glow."""

    def make_model(self) -> torch.nn.Module:
        size = self.size
        height, _, channels = size.image_shape
        bases, merges, flows = [], [], []
        # From the latent to the image: its levels are counted from the innermost.
        for level in reversed(range(size.levels)):
            inside = channels * 4 << level
            blocks = [
                normflows.flows.GlowBlock(inside, size.width, split_mode="channel", scale=True)
                for _ in range(size.steps)
            ]
            flows.append([*blocks, normflows.flows.Squeeze()])
            is_top = level == size.levels - 1
            if not is_top:
                merges.append(normflows.flows.Merge())
            side = height >> (level + 1)
            shape = (inside if is_top else inside // 2, side, side)
            bases.append(normflows.distributions.DiagGaussian(shape))
        return normflows.MultiscaleFlow(bases, flows, merges, class_cond=False)

    def log_prob_of(self, x: torch.Tensor) -> torch.Tensor:
        return self.model.log_prob(x, None)

    def draw(self) -> torch.Tensor:
        samples, _ = self.model.sample(self.size.batch_size)
        return samples
