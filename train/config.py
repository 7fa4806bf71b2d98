"""The configuration of a training run."""

import dataclasses
import math
from typing import Any

from tfglow import GlowConfig, fields
from tfglow.datasets import RESIZES
from tfglow.fields import field

STRATEGIES = ("mirrored", "one_device", "cpu_mirrored", "multi_worker_mirrored")
OPTIMIZERS = ("adamax", "adam")

# Fields that say where and how long to train, not what a step computes: a run that is started
# again may change them.
CHANGEABLE = ("strategy", "data_dir", "epochs", "jit_compile", "keep_checkpoints")

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

    dataset: str = field(
        "cifar10", help='The images: "digits" (embedded), "folder", or the name of a TFDS data set.'
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
    )
    train_split: str = field("train", help="Split to train on.")
    eval_split: str = field("test", help="Split to evaluate on; never trained on.")
    resize: str = field("resize", help="How images come to the model's size.", choices=RESIZES)
    white: int | None = field(
        None,
        help="Value of white in image files of more than 8 bits a sample that do not say it, such "
        "as 4095; none: 65535, if the values show that, else the file is refused.",
        low=1,
        high=65535,
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
        512, help="Images a step, over all replicas (GPUs) and workers together.", low=1
    )
    epochs: int = field(1000, help="Epochs to train.", low=1)
    epoch_images: int | None = field(
        None,
        help="Images an epoch, after which the run evaluates, saves and reports; none: the whole "
        "split.",
        low=1,
    )
    optimizer: str = field(
        "adamax",
        help="The optimizer; adamax has the official code's factor sqrt(1 - beta_2^t).",
        choices=OPTIMIZERS,
    )
    learning_rate: float = field(1e-3, help="Step size after the warm-up.", above=0)
    warmup_steps: int | None = field(
        None,
        help="Steps over which the step size grows from 0; none: ten of the official code's "
        "epochs.",
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
        filled: dict[str, Any] = {
            "warmup_steps": 10 * self.official_epoch_steps,
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


def _flat(config: TrainConfig) -> dict[str, Any]:
    values = config.to_dict()
    return {**values.pop("model"), **values}
