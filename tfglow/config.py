"""The configuration of a Glow model."""

import dataclasses
from typing import Any

COUPLINGS = ("affine", "additive")
PERMUTATIONS = ("invertible_1x1_conv", "shuffle", "reverse")
PARAMETERIZATIONS = ("lu", "full")
PRECISIONS = ("float32", "float64", "mixed_bfloat16")


@dataclasses.dataclass(frozen=True)
class GlowConfig:
    """Everything that determines a Glow's function, apart from its weights.

    Checked once, here; saved with every checkpoint and every export.

    Raises:
      ValueError: If a field is out of range, or the image cannot be squeezed `levels` times.
    """

    # Height, width and channels of an image.
    image_shape: tuple[int, int, int] = (32, 32, 3)
    # L: how often the flow squeezes; all but the last level end in a split (section 3.6).
    levels: int = 3
    # K: flow steps a level.
    steps: int = 32
    # Channels of the coupling networks' hidden convolutions.
    width: int = 512
    # "affine" or "additive" coupling (section 3.3).
    coupling: str = "affine"
    # "invertible_1x1_conv" (Glow), "shuffle" (RealNVP) or "reverse" (NICE) of the channels.
    permutation: str = "invertible_1x1_conv"
    # How a 1x1 convolution holds its matrix: "lu" (section 3.2, equation 10) or "full".
    parameterization: str = "lu"
    # Whether the top latent's mean and scale are learned.
    learn_top: bool = True
    # Number of classes of a conditional model; 0 for an unconditional one.
    num_classes: int = 0
    # Weight of the classifier's cross-entropy (bits) against bits per dimension.
    weight_y: float = 0.0
    # How many of the 8 bits of a pixel are modelled.
    num_bits: int = 8
    # Arithmetic: "float32", "float64", or "mixed_bfloat16" (bfloat16 in coupling networks only).
    precision: str = "float32"
    # Whether the backward pass computes a step's inside again, in place of keeping it in memory.
    gradient_checkpointing: bool = False
    # Seed of the initial weights and of fixed permutations.
    seed: int = 0

    def __post_init__(self) -> None:
        shape = self.image_shape
        shape = tuple(shape) if isinstance(shape, (list, tuple)) else ()
        if len(shape) != 3 or any(not _is_int(n) or n < 1 for n in shape):
            raise ValueError(
                "`image_shape` must be (height, width, channels), three positive integers, "
                f"got {self.image_shape!r}."
            )
        object.__setattr__(self, "image_shape", tuple(int(n) for n in shape))
        for field in ("levels", "steps", "width"):
            _check_int(field, getattr(self, field), low=1)
        _check_int("num_classes", self.num_classes, low=0)
        _check_int("num_bits", self.num_bits, low=1, high=8)
        _check_int("seed", self.seed, low=0)
        _check_choice("coupling", self.coupling, COUPLINGS)
        _check_choice("permutation", self.permutation, PERMUTATIONS)
        _check_choice("parameterization", self.parameterization, PARAMETERIZATIONS)
        _check_choice("precision", self.precision, PRECISIONS)
        for field in ("learn_top", "gradient_checkpointing"):
            if not isinstance(getattr(self, field), bool):
                raise ValueError(f"`{field}` must be True or False, got {getattr(self, field)!r}.")
        number = isinstance(self.weight_y, (int, float)) and not isinstance(self.weight_y, bool)
        if not number or not 0 <= self.weight_y < float("inf"):
            raise ValueError(f"`weight_y` must be a finite number >= 0, got {self.weight_y!r}.")
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
        values = dataclasses.asdict(self)
        values["image_shape"] = list(self.image_shape)
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "GlowConfig":
        """The configuration that `to_dict` described.

        Raises:
          ValueError: If a key is no field.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"GlowConfig has no field {unknown}; its fields are {sorted(known)}.")
        return cls(**values)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_int(name: str, value: Any, low: int, high: int | None = None) -> None:
    if not _is_int(value) or value < low or (high is not None and value > high):
        expected = f">= {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"`{name}` must be an integer {expected}, got {value!r}.")


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}; got {value!r}.")
