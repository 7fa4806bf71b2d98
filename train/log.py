"""What a run writes about itself: `metrics.jsonl` and TensorBoard's events."""

import json
from typing import Any

import numpy as np
import tensorflow as tf

from tfglow.runs.run_folder import RunFolder
from tfglow.whole_files import replace_file
from tfglow.writing import writing
from train.pictures import encode_png


class RunLog:
    """Writes a run's numbers and pictures.

    Args:
      run: The run's folder.
      writes: Whether this process writes; of several workers one does.
    """

    def __init__(self, run: RunFolder, writes: bool = True):
        self._run = run
        self._writes = writes
        if writes:
            with writing(run.tensorboard_dir):
                self._events = tf.summary.create_file_writer(str(run.tensorboard_dir))

    def epoch(self, values: dict[str, Any]) -> None:
        """Appends a line to `metrics.jsonl`; `values` hold `step`, and are shown as scalars too."""
        if not self._writes:
            return
        path = self._run.metrics_path
        with writing(path), open(path, "a", encoding="utf-8") as file:
            file.write(_line(values))
        names = [name for name in values if name not in ("epoch", "step")]
        self.scalars({f"epoch/{name}": values[name] for name in names}, values["step"])

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Writes scalars for TensorBoard."""
        self._write([{"tag": name, "simple_value": float(v)} for name, v in values.items()], step)

    def picture(self, name: str, picture: np.ndarray, step: int) -> None:
        """Writes a picture, uint8 `[H, W, C]`, for TensorBoard."""
        height, width, channels = picture.shape
        image = tf.compat.v1.Summary.Image(
            height=height,
            width=width,
            colorspace=channels,
            encoded_image_string=encode_png(picture),
        )
        self._write([{"tag": name, "image": image}], step)

    def close(self) -> None:
        """Writes out what is left."""
        if self._writes:
            with writing(self._run.tensorboard_dir):
                self._events.close()

    def _write(self, values: list[dict[str, Any]], step: int) -> None:
        if not self._writes:
            return
        # The protocol buffers themselves: tf.summary.scalar and .image need TensorBoard installed.
        summary = tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(**v) for v in values])
        with writing(self._run.tensorboard_dir):
            with self._events.as_default():
                tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=step)
            self._events.flush()


def keep_metrics(run: RunFolder, step: int) -> None:
    """Forgets the lines of `metrics.jsonl` after `step`, from where a resumed run goes on."""
    if run.metrics_path.exists():
        kept = [line for line in run.metrics() if line["step"] <= step]
        replace_file(run.metrics_path, "".join(_line(values) for values in kept))


def _line(values: dict[str, Any]) -> str:
    """One line of JSON; what is not a number in JSON, such as nan, is null."""
    values = {
        name: None if isinstance(v, float) and not np.isfinite(v) else v
        for name, v in values.items()
    }
    return json.dumps(values) + "\n"
