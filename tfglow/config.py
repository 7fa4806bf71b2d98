"""The configuration of a Glow model."""

import dataclasses
from typing import Any

from tfglow import fields
from tfglow.fields import field

COUPLINGS = ("affine", "additive")
PERMUTATIONS = ("invertible_1x1_conv", "shuffle", "reverse")
PARAMETERIZATIONS = ("lu", "full")
PRECISIONS = ("float32", "float64", "mixed_bfloat16")

# Why a model that is trained on keeps a field.
_WEIGHTS = "its weights are made for it"


@dataclasses.dataclass(frozen=True)
class GlowConfig:
    """Everything that determines a Glow's function, apart from its weights.

    Checked once, here; saved with every checkpoint and every export.

    Raises:
      ValueError: If a field is out of range, or the image cannot be squeezed `levels` times.

    Example:
      >>> config = tfglow.GlowConfig(image_shape=(64, 64, 3), levels=4, steps=8, width=128)
      >>> config.num_dims
      12288
      >>> config.level_shape(3)
      (4, 4, 96)
      >>> tfglow.GlowConfig(image_shape=(30, 30, 3))
      Traceback (most recent call last):
          ...
      ValueError: `levels` = 3 needs a height and width divisible by 8, got image_shape = (30, 30,
          3).
    """

    image_shape: tuple[int, int, int] = field(
        (32, 32, 3),
        help="Height, width and channels of an image.",
        low=1,
        words="(height, width, channels), three positive integers",
        fixed="it learned images of this shape",
    )
    levels: int = field(
        3,
        help="L: how often the flow squeezes; all but the last level end in a split (section 3.6).",
        low=1,
        fixed=_WEIGHTS,
    )
    steps: int = field(32, help="K: flow steps in each level.", low=1, fixed=_WEIGHTS)
    width: int = field(
        512,
        help="Channels of the coupling networks' hidden convolutions.",
        low=1,
        fixed=_WEIGHTS,
    )
    coupling: str = field(
        "affine",
        help="The coupling of the channels' halves (section 3.3).",
        choices=COUPLINGS,
        fixed=_WEIGHTS,
    )
    permutation: str = field(
        "invertible_1x1_conv",
        help="The permutation of the channels: Glow's learned one, RealNVP's fixed shuffle, or "
        "NICE's reversal.",
        choices=PERMUTATIONS,
        fixed=_WEIGHTS,
    )
    parameterization: str = field(
        "lu",
        help="How a 1x1 convolution holds its matrix: by its LU decomposition (section 3.2, "
        "equation 10) or in full.",
        choices=PARAMETERIZATIONS,
        fixed=_WEIGHTS,
    )
    learn_top: bool = field(
        True, help="Whether the top latent's mean and scale are learned.", fixed=_WEIGHTS
    )
    num_classes: int = field(
        0,
        help="Number of classes of a conditional model; 0 for an unconditional one.",
        low=0,
        fixed=_WEIGHTS,
    )
    weight_y: float = field(
        0.0,
        help="Weight of the classifier's cross-entropy (bits) against bits per dimension.",
        low=0,
        # Positive ones weigh the same classifier.
        fixed=lambda before, now: "" if bool(before) == bool(now) else _WEIGHTS,
    )
    num_bits: int = field(
        8,
        help="How many of the 8 bits of a pixel are modelled.",
        low=1,
        high=8,
        fixed="it learned images of so many bits",
    )
    precision: str = field(
        "float32",
        help="Arithmetic; mixed_bfloat16 is bfloat16 in the coupling networks and float32 "
        "elsewhere.",
        choices=PRECISIONS,
        # The others hold their weights in float32.
        fixed=lambda before, now: _WEIGHTS if "float64" in (before, now) else "",
    )
    gradient_checkpointing: bool = field(
        False,
        help="Whether the backward pass computes a step's inside again, in place of keeping it in "
        "memory.",
    )
    scan_steps: bool = field(
        False,
        help="Whether a level's steps run as a loop: XLA then compiles one step a level, and not "
        "K, but a step of training takes longer, as it computes every step's inside again, as "
        "with gradient_checkpointing.",
    )
    seed: int = field(0, help="Seed of the initial weights and of fixed permutations.", low=0)

    def __post_init__(self) -> None:
        fields.check(self)
        if self.weight_y and not self.num_classes:
            raise ValueError(
                f"`weight_y` = {self.weight_y} needs a conditional model, got num_classes = 0."
            )
        factor = 2**self.levels
        height, width, _ = self.image_shape
        if height % factor or width % factor:
            raise ValueError(
                f"`levels` = {self.levels} needs a height and width divisible by {factor}, "
                f"got image_shape = {self.image_shape}."
            )

    @property
    def num_dims(self) -> int:
        """D = H·W·C, the length of a latent."""
        height, width, channels = self.image_shape
        return height * width * channels

    @property
    def dtype(self) -> str:
        """The dtype of the flow, its log-dets and all weights."""
        return "float64" if self.precision == "float64" else "float32"

    def level_shape(self, level: int) -> tuple[int, int, int]:
        """The event shape [H, W, C] inside a level, after its squeeze."""
        height, width, channels = self.image_shape
        # Each squeeze quadruples the channels, each split before this level halved them.
        return height >> (level + 1), width >> (level + 1), channels * 4 << level

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-serialisable values."""
        return fields.to_dict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "GlowConfig":
        """The configuration that `to_dict` described.

        Raises:
          ValueError: If a key is no field, or a value is out of range.
        """
        return fields.from_dict(cls, values)
