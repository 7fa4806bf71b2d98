"""What is to be scored, and how."""

import dataclasses
from pathlib import Path

from tfglow import fields
from tfglow.fields import field
from tfglow.scoring.scores import SCORES


@dataclasses.dataclass(frozen=True)
class ScoreConfig:
    """The flags of `train/score.py`. Checked once, here.

    Raises:
      ValueError: If a field is of another type or out of range, or two say opposite things.
    """

    run_dir: Path = field(help="The run folder.")
    data: str = field(help="The images: a folder, all of which is read, or the name of a data set.")
    out: Path = field(help="Folder for the results, new or empty.")
    anomalies: str | None = field(
        None, help="Images to tell from --data: a folder or a data set; report.json says how well."
    )
    split: str | None = field(
        None, help="Split of --data; none: test of a data set, and of a folder all its images."
    )
    anomalies_split: str | None = field(None, help="Split of --anomalies, likewise.")
    data_dir: str | None = field(None, help="Folder of TFDS data sets; none: the run's.")
    detector: Path | None = field(
        None, help="A detector.json that was fitted with these weights, for p-values."
    )
    fit: str | None = field(
        None,
        help="Split of the run's data set to fit a detector on, for p-values: one that was not "
        "trained on, such as test, and not --data.",
    )
    fit_data: str | None = field(
        None,
        help="A folder or data set to fit a detector on in place of the run's; --fit is then its "
        "split; none: the run's.",
    )
    statistic: str = field(
        "density",
        help="With --fit: the score whose p-value is the detector's own.",
        choices=SCORES,
    )
    alpha: float = field(
        0.05, help="Images with a p-value of at most this are counted.", above=0, below=1
    )
    label: str | None = field(
        None,
        help="For a conditional model: the class, by name or number, under which images are scored "
        "that are of none of its classes.",
    )
    masks: str | None = field(
        None,
        help="Folder with a mask for each image of the folder --anomalies, by the same names; "
        "none: a folder ground_truth beside it, as in MVTec AD.",
    )
    heat_maps: bool = field(
        False, help="Whether a picture of each image beside its nats is written."
    )
    bad_images: str = field(
        "skip",
        help="What is done about image files that cannot be read: skip lists them in "
        "skipped_images.jsonl, stop ends.",
        choices=("skip", "stop"),
    )
    images: int | None = field(None, help="Only the first so many of each set; none: all.", low=1)
    draws: int | None = field(
        None, help="Draws of the dequantisation noise an image; none: 1, or the detector's.", low=1
    )
    seed: int | None = field(
        None, help="Seed of the noise; none: 0, or the detector's.", low=0, high=2**31 - 1
    )
    bootstrap: int = field(200, help="Bootstrap samples of the intervals in report.json.", low=20)
    batch_size: int = field(64, help="Images at a time.", low=1)
    weights: str | None = field(
        None,
        help="Which weights; none: the averaged, where the run kept an average.",
        choices=("averaged", "raw"),
    )
    checkpoint: str | None = field(
        None,
        help="Checkpoint; none: the best by evaluation, or where there is none the latest.",
        choices=("best", "latest"),
    )

    def __post_init__(self) -> None:
        fields.check(self)
        if self.detector is not None:
            for name, value, none in (
                ("fit", self.fit, None),
                ("fit_data", self.fit_data, None),
                ("draws", self.draws, None),
                ("seed", self.seed, None),
                ("statistic", self.statistic, "density"),
            ):
                if value != none:
                    raise ValueError(
                        f"--{name}={value} and --detector={self.detector} say two things: a "
                        "detector has its own."
                    )
        if self.anomalies is None:
            for name in ("anomalies_split", "masks"):
                if getattr(self, name) is not None:
                    raise ValueError(f"--{name}={getattr(self, name)} needs --anomalies.")
