"""From a run folder to a published version."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

import tfglow
from export.publishing import publish
from export.request import check_request
from export.saved_model import Functions
from export.signatures import Signatures
from export.warmup import smallest_inputs
from export.writers import WRITERS
from tfglow.glow import Glow
from tfglow.local_paths import check_local_path
from tfglow.pictures.preparation import Preparation
from tfglow.runs import RunFolder
from tfglow.runs.saved_weights import SavedWeights
from tfglow.saved_format import FORMAT
from tfglow.scoring import Detector
from tfglow.scoring.other_weights import OtherWeights
from tfglow.whole_files import replace_file
from tfglow.writing import system_reason

# By the names of `export.request.NETWORK_PRECISIONS`.
NETWORK_DTYPES = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16}


@dataclasses.dataclass(frozen=True)
class Export:
    """A published version."""

    # BASE/<version>.
    path: Path
    # The names of the model's signatures.
    signatures: tuple[str, ...]
    # `source.json`: which weights these are.
    source: dict[str, Any]
    # `evaluation.json`: the run's last evaluation up to them; None if there was none.
    evaluation: dict[str, Any] | None

    @property
    def bits_per_dim(self) -> float | None:
        """What the run evaluated these weights to."""
        if self.evaluation is None:
            return None
        averaged = self.evaluation["eval_bits_per_dim"]
        if self.source["weights"] == "averaged":
            return averaged
        # A run without an average evaluates the weights themselves under the plain name.
        return self.evaluation.get("eval_bits_per_dim_raw", averaged)


def export_run(
    run_dir: str | os.PathLike,
    export_dir: str | os.PathLike,
    *,
    raw_weights: bool = False,
    checkpoint: str | None = None,
    version: int | None = None,
    precision: str = "float32",
    file_format: str = "saved_model",
    detector: str | os.PathLike | None = None,
) -> Export:
    """Publishes a run's model as `export_dir/<version>/`, complete or not at all.

    Args:
      run_dir: A run folder.
      export_dir: The folder of all versions, which a server is given.
      raw_weights: Whether to take the weights themselves in place of their moving average.
      checkpoint: "best" by evaluation, "latest", or None: the best, or where none was evaluated
        the latest.
      version: The version's number; None takes the one after the highest that is there.
      precision: "float32", or "mixed_bfloat16" for coupling networks in bfloat16. How the model
        was trained does not matter.
      file_format: "saved_model", or what other runtimes read, with `encode` and `decode` alone:
        "onnx" or "litert".
      detector: A file of a `Detector` that was fitted with these weights, for the signature
        `score`; not for other runtimes.

    Raises:
      ValueError: If `run_dir` is no run folder, holds no such checkpoint or weights, or a model
        that cannot be inverted; if the detector is of other weights; if the format cannot hold the
        model, or its converter is not installed; or if nothing can be published in `export_dir`.
    """
    run, kind = check_request(
        run_dir,
        export_dir,
        version=version,
        precision=precision,
        file_format=file_format,
        detector=detector,
    )
    found = run.saved_weights(checkpoint)
    weights = found.get("raw" if raw_weights else "averaged")
    if weights is None:
        raise ValueError(
            f"The checkpoint {found['raw'].prefix!r} holds no moving average of the weights: "
            "--raw_weights exports the weights themselves."
        )
    glow = weights.load()
    source = {
        "run": run.path.resolve().name,
        # From the folder of all versions, so that nothing of this machine travels along.
        "run_dir": os.path.relpath(run.path.resolve(), Path(export_dir).resolve()),
        "checkpoint": os.path.relpath(weights.prefix, run.path),
        "step": weights.step,
        "weights": weights.kind,
        "precision": precision,
        "format": FORMAT,
        "tfglow": tfglow.__version__,
        "tensorflow": tf.__version__,
    }
    records = {"config": run.read_config(), "source": source}
    calibration = None
    if detector is not None:
        calibration = _load_detector(detector, glow, weights).calibration
        # Whole, so that what the numbers are held against stays with them.
        records["detector"] = json.loads(Path(detector).read_text(encoding="utf-8"))
        source["detector"] = {
            "file": os.path.relpath(Path(detector).resolve(), Path(export_dir).resolve()),
            "statistic": calibration.statistic,
            "num_draws": calibration.num_draws,
            "seed": calibration.seed,
            "calibration_images": len(calibration.bits_per_dim),
        }
        _say_other_arithmetic(glow.config.precision, precision)
    preparation = Preparation.of_run(run.read_config())
    signatures = Signatures(glow, NETWORK_DTYPES[precision], preparation, calibration)
    functions = signatures.concrete_functions(kind.signatures)
    kind.check_size(functions)
    _check_answers(functions)
    if preparation is not None:
        records["pictures"] = dataclasses.asdict(preparation)
    evaluation = _evaluation(run, source["step"])
    if evaluation is not None:
        records["evaluation"] = evaluation

    def write(folder: Path) -> None:
        try:
            WRITERS[kind.name](folder, signatures, functions, records)
        except tf.errors.OpError as error:  # Such as a full disk.
            raise OSError(0, system_reason(error)) from error
        for name, record in records.items():
            _write_json(folder / kind.records / f"{name}.json", record)

    return Export(publish(write, export_dir, version), tuple(functions), source, evaluation)


def _load_detector(path: str | os.PathLike, glow: Glow, weights: SavedWeights) -> Detector:
    """The detector of these weights."""
    try:
        return Detector.load(check_local_path(path, "--detector"), glow)
    except OtherWeights as error:
        raise ValueError(
            f"--detector={os.fspath(path)} belongs to other weights than those that are exported, "
            f"the {weights.kind} ones of step {weights.step}: --raw_weights and --checkpoint "
            "choose others, or fit a detector with these."
        ) from error


def _say_other_arithmetic(fitted: str, exported: str) -> None:
    """Says what a detector's numbers differ by where networks round otherwise than at its fit."""
    if (fitted == "mixed_bfloat16") != (exported == "mixed_bfloat16"):
        print(
            f"The detector was fitted with --precision={fitted}, and this export computes in "
            f"{exported}: scores differ by what bfloat16 rounds."
        )


def _evaluation(run: RunFolder, step: int) -> dict[str, Any] | None:
    """The run's last line of metrics with an evaluation, up to `step`."""
    lines = [
        line
        for line in run.metrics()
        if line["step"] <= step and line.get("eval_bits_per_dim") is not None
    ]
    return lines[-1] if lines else None


def _check_answers(functions: Functions) -> None:
    """Runs each signature once: a model that answers nothing is not worth publishing."""
    for name, inputs in smallest_inputs(functions).items():
        answer = functions[name](**inputs)
        if not bool(tf.reduce_all(answer["valid"])):
            raise ValueError(
                f"The model's `{name}` is not finite even for an input of zeros: the training run "
                "diverged. Nothing was published."
            )


def _write_json(path: Path, value: Any) -> None:
    replace_file(path, json.dumps(value, indent=2) + "\n")
