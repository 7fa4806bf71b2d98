"""Prepares the embedded data sets for TFDS to read, where the user may write."""

import atexit
import contextlib
import functools
import io
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfglow.writing import UnwritableFile, writing

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

NAMES = ("digits", "fashion")


def prepare(name: str, data_dir: str | os.PathLike | None = None) -> "tfds.core.DatasetBuilder":
    """A builder of an embedded data set, prepared; writes it once, 2 MB at most, in a second.

    The prepared files are kept in the first of these places that holds them already or can be
    written: `data_dir`, the user's cache (`$XDG_CACHE_HOME/tfglow` or `~/.cache/tfglow`), a
    temporary folder that goes when the process ends.

    Safe when several processes start at once: each writes a folder of its own and renames it into
    place; who comes second uses the first one's.

    Args:
      name: One of `NAMES`.
      data_dir: TFDS's folder of data sets, if there is one.

    Raises:
      UnwritableFile: If none of them can be written.
    """
    builder_class = _builder_class(name)
    places = [data_dir] if data_dir else []
    for place in [*map(pathlib.Path, places), user_cache()]:
        builder = builder_class(data_dir=place)
        if not builder.is_prepared():
            with contextlib.suppress(UnwritableFile), writing(place):
                _write(builder_class, place)
            builder = builder_class(data_dir=place)  # reads what is there now, whoever wrote it
        if builder.is_prepared():
            return builder
    with writing(tempfile.gettempdir()):
        place = _temporary_place()
        if not builder_class(data_dir=place).is_prepared():
            _write(builder_class, place)
    return builder_class(data_dir=place)


def user_cache() -> pathlib.Path:
    """The folder for files that can be made again, by the XDG base directory specification."""
    root = os.environ.get("XDG_CACHE_HOME")
    # `expanduser` leaves a `~` that it cannot resolve; the specification ignores relative paths.
    if not root or not os.path.isabs(root):
        root = os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(root) / "tfglow"


def _builder_class(name: str) -> "type[tfds.core.DatasetBuilder]":
    # Here, since they import TFDS, which is slow and registers them.
    from tfglow.datasets.digits import Digits
    from tfglow.datasets.fashion import Fashion

    return {"digits": Digits, "fashion": Fashion}[name]


@functools.cache
def _temporary_place() -> pathlib.Path:
    place = tempfile.mkdtemp(prefix="tfglow-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return pathlib.Path(place)


def _write(builder_class: "type[tfds.core.DatasetBuilder]", place: pathlib.Path) -> None:
    """Writes the prepared data set under `place`, complete or not at all."""
    place.mkdir(parents=True, exist_ok=True)
    stage = pathlib.Path(tempfile.mkdtemp(prefix=".tfglow-", dir=place))
    try:
        builder = builder_class(data_dir=stage)
        with _silence():
            try:
                builder.download_and_prepare()
            except RuntimeError as error:
                # TFDS's own words around an error of TensorFlow's, such as of a full disk.
                raise error.__cause__ or error from None
        source = pathlib.Path(builder.data_dir)  # stage/<name>/<version>
        target = place / source.relative_to(stage)
        target.parent.mkdir(exist_ok=True)
        source.rename(target)  # fails where another process has put its folder there first
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps TFDS's announcements and progress bars off the terminal: this is no download."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
