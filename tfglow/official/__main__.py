"""`python -m tfglow.official CHECKPOINT --out RUN_DIR`: a run folder of an official checkpoint."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tfglow import official, tensorflow_log
from tfglow.local_paths import check_local_path
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.runs.run_folder import RunFolder
from tfglow.writing import writing

_DESCRIPTION = """\
Writes a run folder of a checkpoint of the official implementation (github.com/openai/glow), which
evaluation and export accept like one of our own.

  python -m tfglow.official model.ckpt --out runs/official --image_size 32 --num_bits 8
"""


def convert(
    checkpoint: str,
    run_dir: str | os.PathLike,
    *,
    image_size: int | None,
    num_bits: int | None,
    weight_y: float | None = None,
) -> RunFolder:
    """Makes `run_dir` of an official checkpoint: complete, or not at all.

    Args:
      checkpoint: Prefix of the checkpoint's files, or their folder.
      run_dir: The folder to make; it may exist if it is empty.
      image_size: Height and width of an image. It, `num_bits` and `weight_y` are in no checkpoint:
        where one is needed, None is refused.
      num_bits: How many bits of a pixel were modelled.
      weight_y: The classifier's weight, where the checkpoint has a classifier.

    Raises:
      ValueError: If the checkpoint cannot be converted (see `official.load` and
        `official.infer_config`), or `run_dir` is taken.
    """
    target = Path(check_local_path(run_dir, "The run folder"))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{str(target)!r} exists and is not an empty folder.")
    tensorflow_log.start_tensorflow()
    config = official.infer_config(
        checkpoint, image_size=image_size, num_bits=num_bits, weight_y=weight_y
    )
    raw = official.load(checkpoint, config)
    average = None
    if official.has_average(checkpoint):
        average = official.load(checkpoint, config, averaged=True)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            os.chmod(temporary, 0o755)  # mkdtemp's folders are private.
            run = RunFolder.create(temporary, {"model": config.to_dict()})
            run.save_glow(raw, average)
            os.replace(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return RunFolder.open(target)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit."""
    parser = OneSentenceParser(
        prog="python -m tfglow.official",
        description=_DESCRIPTION,
    )
    parser.add_argument("checkpoint", help="prefix of the checkpoint's files, or their folder")
    parser.add_argument("--out", required=True, metavar="RUN_DIR", help="the folder to make")
    parser.add_argument("--image_size", type=int, metavar="N", help="height and width of an image")
    parser.add_argument("--num_bits", type=int, metavar="N", help="n_bits_x of the training")
    parser.add_argument("--weight_y", type=float, metavar="X", help="weight of a classifier")
    flags = parser.parse_args(arguments)
    try:
        run = convert(
            flags.checkpoint,
            flags.out,
            image_size=flags.image_size,
            num_bits=flags.num_bits,
            weight_y=flags.weight_y,
        )
    except ValueError as error:
        sys.exit(f"python -m tfglow.official: {error}")
    print(f"Run folder: {run.path}")


if __name__ == "__main__":
    main()
