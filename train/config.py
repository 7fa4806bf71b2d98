"""The configuration of a training run."""

import dataclasses
import math
import typing
from typing import Any

from tfglow import GlowConfig
from tfglow.datasets import RESIZES

STRATEGIES = ("mirrored", "one_device", "cpu_mirrored", "multi_worker_mirrored")
OPTIMIZERS = ("adamax", "adam")

# Fields that say where and how long to train, not what a step computes: a run that is started
# again may change them.
CHANGEABLE = ("strategy", "data_dir", "epochs", "jit_compile", "keep_checkpoints")

# The official code counts 50,000 images an epoch whatever the data set, and an image of another
# size as so many images of 32x32 pixels (`n_train` and `anchor_size` in its train.py).
OFFICIAL_EPOCH_IMAGES = 50_000
OFFICIAL_ANCHOR_SIZE = 32


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that determines a run: with the same one, it ends with the same weights.

    Each field, and each of the model's, is a flag of `train/main.py`. The defaults are the paper's
    for CIFAR-10. Checked once, here.

    Raises:
      ValueError: If a field is of another type or out of range.
    """

    # The model; its `seed` is also that of the data's order, augmentation and noise.
    model: GlowConfig = dataclasses.field(default_factory=GlowConfig)

    # The images: "digits" (embedded), "folder", or the name of a TFDS data set.
    dataset: str = "cifar10"
    # Folder of the data set: TFDS's, or with --dataset=folder that of the images.
    data_dir: str | None = None
    # Split to train on.
    train_split: str = "train"
    # Split to evaluate on; never trained on.
    eval_split: str = "test"
    # How images come to the model's size: "resize", "center_crop" or "random_crop".
    resize: str = "resize"
    # Whether training images are mirrored left to right at random.
    flip: bool = False
    # Training images are shifted at random by up to so many pixels.
    shift: int = 0

    # Images a step, over all replicas (GPUs) and workers together.
    batch_size: int = 512
    # Epochs to train.
    epochs: int = 1000
    # Images an epoch, after which the run evaluates, saves and reports; default: the whole split.
    epoch_images: int | None = None
    # "adamax", with the official code's factor sqrt(1 - beta_2^t), or "adam".
    optimizer: str = "adamax"
    # Step size after the warm-up.
    learning_rate: float = 1e-3
    # Steps over which the step size grows from 0; default: ten of the official code's epochs.
    warmup_steps: int | None = None
    # Decay of the gradient's first moment.
    beta_1: float = 0.9
    # Decay of its second moment; default: 1 - 1/(steps of one of the official code's epochs).
    beta_2: float | None = None
    # Largest norm of the whole gradient, to which a larger one is scaled; default: no clipping.
    clip_norm: float | None = None
    # Decay of the moving average of the weights; 0 keeps none; default: as beta_2's.
    average_decay: float | None = None
    # Images for the data-dependent initialisation.
    init_images: int = 256
    # Steps in a row whose loss or gradient is not finite, after which training stops.
    max_skipped_steps: int = 10

    # Evaluate every so many epochs, and after the last.
    eval_every: int = 1
    # Images of the split to evaluate on during training; default: all.
    eval_images: int | None = None
    # Write samples every so many epochs, and after the last.
    sample_every: int = 1
    # Samples of a grid.
    sample_images: int = 64
    # Temperatures of the grids.
    sample_temperatures: tuple[float, ...] = (0.25, 0.5, 0.7, 1.0)
    # Save every so many steps too, not only after each epoch.
    checkpoint_every: int = 1000
    # How many of the last checkpoints stay.
    keep_checkpoints: int = 3
    # Write a step's numbers for TensorBoard every so many steps.
    log_every: int = 50

    # "mirrored" (all GPUs, or the CPU), "one_device", "cpu_mirrored" (two replicas on the CPU) or
    # "multi_worker_mirrored" (workers of TF_CONFIG).
    strategy: str = "mirrored"
    # Whether XLA compiles the step; default: on GPUs, and not on CPUs, where it was slower.
    jit_compile: bool | None = None

    def __post_init__(self) -> None:
        for name, kind in typing.get_type_hints(type(self)).items():
            value = getattr(self, name)
            if kind == tuple[float, ...] and isinstance(value, (list, tuple)):
                value = tuple(float(v) if _is_a(v, float) else v for v in value)
            elif _is_a(value, float) and _allows(kind, float) and not _allows(kind, int):
                value = float(value)
            object.__setattr__(self, name, value)
            if not _is_a(value, kind):
                raise ValueError(f"`{name}` must be {_describe(kind)}, got {value!r}.")
        _check_choice("resize", self.resize, RESIZES)
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)
        _check_choice("strategy", self.strategy, STRATEGIES)
        for name in (
            "batch_size",
            "epochs",
            "epoch_images",
            "init_images",
            "max_skipped_steps",
            "eval_every",
            "eval_images",
            "sample_every",
            "sample_images",
            "checkpoint_every",
            "keep_checkpoints",
            "log_every",
        ):
            self._check(name, 1)
        for name in ("shift", "warmup_steps"):
            self._check(name, 0)
        for name in ("beta_1", "beta_2", "average_decay"):
            self._check(name, 0, below=1)
        for name in ("learning_rate", "clip_norm"):
            self._check(name, 0, below=math.inf, open_low=True)
        for temperature in self.sample_temperatures:
            if not 0 <= temperature < math.inf:
                raise ValueError(
                    f"`sample_temperatures` must be finite and at least 0, got {temperature}."
                )

    def _check(self, name, low, below=None, open_low=False):
        value = getattr(self, name)
        if value is None:
            return
        above_low = value > low if open_low else value >= low
        if not above_low or (below is not None and not value < below):
            expected = f"more than {low}" if open_low else f"at least {low}"
            if below is not None:
                expected += " and finite" if below == math.inf else f" and less than {below}"
            raise ValueError(f"`{name}` must be {expected}, got {value}.")

    @property
    def official_epoch_steps(self) -> int:
        """Steps of one of the official code's epochs, which warm-up and decays are counted in."""
        height, width, _ = self.model.image_shape
        anchored = self.batch_size * height * width / OFFICIAL_ANCHOR_SIZE**2
        return math.ceil(OFFICIAL_EPOCH_IMAGES / anchored)

    def resolved(self) -> "TrainConfig":
        """The configuration with the defaults filled in that depend on other fields."""
        decay = 1.0 - 1.0 / self.official_epoch_steps
        filled = {
            "warmup_steps": 10 * self.official_epoch_steps,
            "beta_2": decay,
            "average_decay": decay if self.beta_2 is None else self.beta_2,
        }
        missing = {name: value for name, value in filled.items() if getattr(self, name) is None}
        return dataclasses.replace(self, **missing)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-serialisable values, the model's under "model"."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["model"] = self.model.to_dict()
        values["sample_temperatures"] = list(self.sample_temperatures)
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainConfig":
        """The configuration that `to_dict` described; fields that are not there have defaults.

        Raises:
          ValueError: If a key is no field, or a value is out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"TrainConfig has no field {unknown}; its fields are {sorted(known)}.")
        values = dict(values)
        if "model" in values:
            values["model"] = GlowConfig.from_dict(values["model"])
        return cls(**values)


def differing_fields(
    before: TrainConfig, now: TrainConfig, ignore: tuple[str, ...] = ()
) -> list[str]:
    """What differs between two configurations: `name (before → now)`, the model's fields too."""
    pairs = _flat(before), _flat(now)
    return [
        f"{name} ({pairs[0][name]!r} → {value!r})"
        for name, value in pairs[1].items()
        if name not in ignore and pairs[0][name] != value
    ]


def _flat(config):
    values = config.to_dict()
    return {**values.pop("model"), **values}


def _allows(kind, wanted):
    return kind is wanted or wanted in typing.get_args(kind)


def _is_a(value, kind):
    """Whether a value is of an annotated type; an int is also a float, a bool is neither."""
    if typing.get_origin(kind) is tuple:
        element = typing.get_args(kind)[0]
        return isinstance(value, tuple) and all(_is_a(v, element) for v in value)
    kinds = typing.get_args(kind) or (kind,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, tuple(kinds) + ((int,) if float in kinds else ()))


def _describe(kind):
    if typing.get_origin(kind) is tuple:
        return "a sequence of numbers"
    names = {int: "an integer", float: "a number", str: "a string", bool: "True or False"}
    names |= {type(None): "None", GlowConfig: "a tfglow.GlowConfig"}
    return " or ".join(names[k] for k in typing.get_args(kind) or (kind,))


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}; got {value!r}.")
