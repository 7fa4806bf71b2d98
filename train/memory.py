"""How much memory a run takes, about."""

import dataclasses
import math

from tfglow import GlowConfig
from tfglow.datasets import CACHE_BYTES
from train.config import TrainConfig

# TensorFlow and all that is imported, and for each flow step the graph and the buffers between its
# operations. Measured on CPUs.
PROGRAM_BYTES = 860 * 2**20
_STEP_BYTES = 1 * 2**20

# Tensors of a flow step's channels that the backward pass needs: the step's input, the channel
# map's output, the network's output, and what the coupling makes of its halves.
_KEPT_CHANNELS = 8
_HIDDEN_LAYERS = 2
# Of a step whose gradients are computed: its hidden layers, and what flows back through them.
_HIDDEN_AT_A_TIME = 3 * _HIDDEN_LAYERS

# Besides the weights themselves: the optimizer's two moments, the gradients, and copies of both by
# step.
_WEIGHT_COPIES = 6


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes that a run takes, by what takes them."""

    # Weights, moments, gradients and the moving average of the weights, on each replica.
    weights: int
    # What a step of training keeps of each layer for the backward pass, on each replica.
    activations: int
    # What the initialisation takes, once, before the first step; on one device.
    initialization: int
    # Images that stay in the computer's memory.
    images: int
    # The program itself and its graph.
    program: int

    @property
    def device(self) -> int:
        """The most that a replica takes on its device."""
        return self.weights + max(self.activations, self.initialization)


def expected_memory(
    config: TrainConfig, num_parameters: int, num_images: int, num_replicas: int
) -> Memory:
    """The memory that a run takes.

    The peaks of whole runs on CPUs were 0.97 to 1.03 times the sum of all parts, and those of steps
    alone 0.75 to 1.34 times what is not the program.

    With S_l = B·H·W / 4^(l+1) the pixels of a replica's B images in level l, C_l its channels, K
    its steps and w the width, a step of training keeps

        Σ_l K·S_l·(2·w·b + 9·(C_l/2 + 1)·b + 8·C_l·a)   and, in the step that runs,  6·w·a·S_0

    bytes, where a is the size of a float of the flow, and b that of one of the coupling networks:
    2 in mixed_bfloat16. The middle term is that of 3×3 windows, where the first convolution is a
    product of these. With gradient checkpointing, and where steps are scanned, only C_l·a bytes
    stay of a step; its inside is there for one step at a time. The initialisation takes what is
    kept of one step, for all its images.

    Args:
      config: The run's configuration, `resolved`.
      num_parameters: The model's trainable weights.
      num_images: The images of the splits together.
      num_replicas: How many replicas divide a batch.
    """
    model = config.model
    flow_bytes = 8 if model.dtype == "float64" else 4
    copies = _WEIGHT_COPIES + bool(config.average_decay)
    images = num_images * model.num_dims
    kept = images <= CACHE_BYTES and config.resize != "random_crop"
    batch = -(-config.batch_size // num_replicas)
    return Memory(
        weights=copies * flow_bytes * num_parameters,
        activations=batch * _activation_bytes(model, flow_bytes),
        initialization=min(config.init_images or 0, num_images) * _step_bytes(model, 0, flow_bytes),
        images=images if kept else 0,
        program=PROGRAM_BYTES + model.levels * model.steps * _STEP_BYTES,
    )


def _activation_bytes(model: GlowConfig, flow_bytes: int) -> int:
    """What an image's activations take in a step of training."""
    inside = [_step_bytes(model, level, flow_bytes) for level in range(model.levels)]
    if not (model.gradient_checkpointing or model.scan_steps):
        return model.steps * sum(inside) + _backward_bytes(model, flow_bytes)
    inputs = [flow_bytes * math.prod(model.level_shape(level)) for level in range(model.levels)]
    return model.steps * sum(inputs) + inside[0] + _backward_bytes(model, flow_bytes)


def _step_bytes(model: GlowConfig, level: int, flow_bytes: int) -> int:
    """What the backward pass needs of one flow step, for an image."""
    height, width, channels = model.level_shape(level)
    network_bytes = 2 if model.precision == "mixed_bfloat16" else flow_bytes
    windows = 9 * (channels // 2 + 1)
    if windows > 2 * model.width:
        windows = 0
    hidden = _HIDDEN_LAYERS * model.width + windows
    return height * width * (network_bytes * hidden + flow_bytes * _KEPT_CHANNELS * channels)


def _backward_bytes(model: GlowConfig, flow_bytes: int) -> int:
    """What the largest flow step has in memory while its gradients are computed, for an image."""
    height, width, _ = model.level_shape(0)
    return height * width * _HIDDEN_AT_A_TIME * model.width * flow_bytes
