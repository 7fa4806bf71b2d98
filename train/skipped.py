"""Which image files a run leaves out: written down when it begins, and the same ever after."""

import json
from collections.abc import Iterable

from tfglow.datasets import SkippedImage
from tfglow.runs.run_folder import RunFolder
from tfglow.whole_files import replace_file


def write_skipped(run: RunFolder, skipped: Iterable[SkippedImage]) -> None:
    """Writes `skipped_images.jsonl`: a line a file that could not be read, none if all could."""
    lines = [json.dumps(image._asdict()) + "\n" for image in dict.fromkeys(skipped)]
    replace_file(run.skipped_images_path, "".join(lines))


def read_skipped(run: RunFolder) -> tuple[str, ...] | None:
    """The names of the files that the run leaves out; None if it has not written them down.

    Raises:
      ValueError: If the file is damaged.
    """
    path = run.skipped_images_path
    if not path.exists():
        return None
    try:
        return tuple(json.loads(line)["file"] for line in path.read_text("utf-8").splitlines())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{str(path)!r} is not a list of images: {error}.") from error
