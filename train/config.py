"""The configuration of a training run."""

import dataclasses
import math
from typing import Any, NamedTuple

from tfglow import GlowConfig, fields
from tfglow.fields import field
from tfglow.flags import as_text
from tfglow.pictures.picture_fit import RESIZES

STRATEGIES = ("mirrored", "one_device", "cpu_mirrored", "multi_worker_mirrored")
OPTIMIZERS = ("adamax", "adam")

# Why a run that goes on keeps a field.
_LEARNED = "what it learned came from there"
_COUNTED = "its steps and epochs so far are counted in it"

# The official code counts 50,000 images an epoch whatever the data set, and an image of another
# size as so many images of 32x32 pixels (`n_train` and `anchor_size` in its train.py).
OFFICIAL_EPOCH_IMAGES = 50_000
OFFICIAL_ANCHOR_SIZE = 32
# Its images for the initialisation, at the anchor's size.
OFFICIAL_INIT_IMAGES = 256

# Fewer say too little of a channel's mean and variance; more than the bytes in one hidden layer's
# output, of which a few are in memory at a time, are too large for many machines.
_FEWEST_INIT_IMAGES = 16
_INIT_LAYER_BYTES = 512 * 2**20


# Steps of warm-up from trained weights. A fresh Adam's first steps move every weight by the whole
# step size, in the direction of one batch's gradient. A model of the digits at 2.46 bits/dim went
# to 5.89 in its first step at 1e-3 without a warm-up (3.17 at 5e-4, with any clipping of the
# gradient too), and in its first 120 steps to at most 2.54 with 50 steps of it, 2.50 with 200 and
# 2.48 with 500.
FINE_TUNING_WARMUP = 500


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that determines a run: with the same one, it ends with the same weights.

    Each field, and each of the model's, is a flag of `train/main.py`. The defaults are the paper's
    for CIFAR-10. Checked once, here.

    Raises:
      ValueError: If a field is of another type or out of range.
    """

    model: GlowConfig = field(
        default_factory=GlowConfig,
        help="The model; its `seed` is also that of the data's order, augmentation and noise.",
        words="a tfglow.GlowConfig",
    )

    init_from: str | None = field(
        None,
        help="Weights to start from: a run folder, a checkpoint in one, a .keras file, or a "
        "checkpoint of the official code; the model's fields that are not given are then theirs.",
        fixed="its weights came from there",
    )
    dataset: str = field(
        "cifar10",
        help='The images: "digits" or "fashion" (embedded), "folder", or the name of a TFDS data '
        "set.",
        fixed=_LEARNED,
    )
    data_dir: str | None = field(
        None,
        help="Folder of the data set: TFDS's, or with --dataset=folder that of the images; none: "
        "$TFDS_DATA_DIR or ~/tensorflow_datasets.",
    )
    train_folder: str | None = field(
        None,
        help="With --dataset=folder: the folder in it of the images to train on; none: found by "
        "its name.",
        fixed=_LEARNED,
    )
    test_folder: str | None = field(
        None,
        help="With --dataset=folder: the folder in it of the images to test on; none: found by its "
        "name, or a tenth of the images.",
    )
    classes_from: str = field(
        "auto",
        help="With --dataset=folder: whether subfolders are classes; auto: where it is certain, "
        "folders: also where it is not, none: never.",
        choices=("auto", "none", "folders"),
        fixed=_LEARNED,
    )
    train_split: str = field("train", help="Split to train on.", fixed=_LEARNED)
    eval_split: str = field(
        "test", help="Split to evaluate on; if it is trained on too, that is said."
    )
    resize: str = field(
        "resize", help="How images come to the model's size.", choices=RESIZES, fixed=_LEARNED
    )
    white: int | None = field(
        None,
        help="Value of white in image files of more than 8 bits a sample that do not say it, such "
        "as 4095; those whose values show that it is 65535 keep that; none: others are refused.",
        low=1,
        high=2**32 - 1,
        fixed=_LEARNED,
    )
    bad_images: str = field(
        "stop",
        help="What is done about image files that cannot be read: stop names them all, since what "
        "is left out changes what is learnt; skip leaves them out, and lists them in "
        "skipped_images.jsonl.",
        choices=("stop", "skip"),
    )
    flip: bool = field(False, help="Whether training images are mirrored left to right at random.")
    shift: int = field(
        0, help="The most pixels by which training images are shifted at random.", low=0
    )

    batch_size: int = field(
        512,
        help="Images a step, over all replicas (GPUs) and workers together.",
        low=1,
        fixed=_COUNTED,
    )
    epochs: int = field(1000, help="Epochs to train.", low=1)
    epoch_images: int | None = field(
        None,
        help="Images an epoch, after which the run evaluates, saves and reports; none: the whole "
        "split.",
        low=1,
        fixed=_COUNTED,
    )
    optimizer: str = field(
        "adamax",
        help="The optimizer; adamax has the official code's factor sqrt(1 - beta_2^t).",
        choices=OPTIMIZERS,
        fixed="its moments so far are those of this one",
    )
    learning_rate: float = field(1e-3, help="Step size after the warm-up.", above=0)
    warmup_steps: int | None = field(
        None,
        help="Steps over which the step size grows from 0; none: ten of the official code's "
        f"epochs, or with --init_from {FINE_TUNING_WARMUP}.",
        low=0,
    )
    beta_1: float = field(0.9, help="Decay of the gradient's first moment.", low=0, below=1)
    beta_2: float | None = field(
        None,
        help="Decay of its second moment; none: 1 - 1/(steps of one of the official code's "
        "epochs).",
        low=0,
        below=1,
    )
    clip_norm: float | None = field(
        None,
        help="Largest norm of the whole gradient, to which a larger one is scaled; none: no "
        "clipping.",
        above=0,
    )
    average_decay: float | None = field(
        None,
        help="Decay of the moving average of the weights; 0 keeps no average; none: as beta_2's.",
        low=0,
        below=1,
    )
    average_share: float | None = field(
        0.05,
        help="Longest horizon of the average, as a share of the steps so far, so that it does not "
        "lag behind in short runs; none: the official code's rule, which average_decay alone says.",
        above=0,
        high=1,
    )
    init_images: int | None = field(
        None,
        help="Images for the data-dependent initialisation; none: as many pixels as 256 images of "
        "32x32, but 16 to 256 images, and no more than take 512 MiB in a hidden layer.",
        low=1,
    )
    max_skipped_steps: int = field(
        10,
        help="Steps in a row whose loss or gradient is not finite, after which training stops.",
        low=1,
    )

    eval_every: int = field(1, help="Evaluate every so many epochs, and after the last.", low=1)
    eval_images: int | None = field(
        None, help="Images of the split to evaluate on during training; none: all.", low=1
    )
    sample_every: int = field(
        1, help="Write samples every so many epochs, and after the last.", low=1
    )
    sample_images: int = field(64, help="Samples of a grid.", low=1)
    sample_temperatures: tuple[float, ...] = field(
        (0.25, 0.5, 0.7, 1.0), help="Temperatures of the grids.", low=0
    )
    checkpoint_every: int = field(
        1000, help="Save every so many steps too, not only after each epoch.", low=1
    )
    keep_checkpoints: int = field(3, help="How many of the last checkpoints stay.", low=1)
    log_every: int = field(
        50, help="Write a step's numbers for TensorBoard every so many steps.", low=1
    )

    strategy: str = field(
        "mirrored",
        help="Where to train: mirrored (all GPUs, or the CPU), one_device, cpu_mirrored (two "
        "replicas on the CPU) or multi_worker_mirrored (workers of TF_CONFIG).",
        choices=STRATEGIES,
    )
    jit_compile: bool | None = field(
        None,
        help="Whether XLA compiles the step; none: on GPUs, and not on CPUs, where it was slower.",
    )

    def __post_init__(self) -> None:
        fields.check(self)

    @property
    def official_epoch_steps(self) -> int:
        """Steps of one of the official code's epochs, which warm-up and decays are counted in."""
        height, width, _ = self.model.image_shape
        anchored = self.batch_size * height * width / OFFICIAL_ANCHOR_SIZE**2
        return math.ceil(OFFICIAL_EPOCH_IMAGES / anchored)

    @property
    def default_init_images(self) -> int:
        """Images to initialise on, where no number is given; see `init_images`."""
        height, width, _ = self.model.image_shape
        anchored = OFFICIAL_INIT_IMAGES * OFFICIAL_ANCHOR_SIZE**2 // (height * width)
        wanted = min(max(anchored, _FEWEST_INIT_IMAGES), OFFICIAL_INIT_IMAGES)
        layer_height, layer_width, _ = self.model.level_shape(0)
        layer_bytes = layer_height * layer_width * self.model.width * 4
        return max(1, min(wanted, _INIT_LAYER_BYTES // layer_bytes))

    def resolved(self) -> "TrainConfig":
        """The configuration with the defaults filled in that depend on other fields."""
        decay = 1.0 - 1.0 / self.official_epoch_steps
        warmup = FINE_TUNING_WARMUP if self.init_from else 10 * self.official_epoch_steps
        filled: dict[str, Any] = {
            "warmup_steps": warmup,
            "beta_2": decay,
            "average_decay": decay if self.beta_2 is None else self.beta_2,
            "init_images": self.default_init_images,
        }
        missing = {name: value for name, value in filled.items() if getattr(self, name) is None}
        return dataclasses.replace(self, **missing)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-serialisable values, the model's under "model"."""
        return fields.to_dict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainConfig":
        """The configuration that `to_dict` described; fields that are not there have defaults.

        Raises:
          ValueError: If a key is no field, or a value is out of range.
        """
        return fields.from_dict(cls, values)


class Change(NamedTuple):
    """A field in which two configurations of a run differ, the model's fields too."""

    name: str
    before: Any
    now: Any
    # Why a run that was begun with the one cannot go on with the other; "" if it can.
    refusal: str

    def __str__(self) -> str:
        return f"{self.name} {as_text(self.before)} → {as_text(self.now)}"


def changes(before: TrainConfig, now: TrainConfig) -> list[Change]:
    """What differs between a run's configuration and the one that it is to go on with."""
    pairs = [(GlowConfig, before.model, now.model), (TrainConfig, before, now)]
    found = []
    for cls, old, new in pairs:
        for name, own in fields.fields(cls).items():
            values = getattr(old, name), getattr(new, name)
            if name != "model" and values[0] != values[1]:
                found.append(Change(name, *values, own.keeps(*values)))
    return found
