"""Finds a prepared TFDS data set by its name."""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfglow.datasets import embedded
from tfglow.datasets.tfds_names import (
    check_not_inside,
    check_prepared,
    listed,
    prepared,
    tfds_place,
)

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


def find_builder(
    name: str, data_dir: str | os.PathLike | None = None
) -> "tfds.core.DatasetBuilder":
    """The builder of a data set that is prepared in `data_dir`. Never uses the network.

    Without a version in the name, the version of the installed TFDS is used if it is prepared,
    else the newest that is. The embedded ones are prepared on the spot; see `embedded.prepare`.

    Args:
      name: The data set's name for TFDS: "cifar10", "lsun/church_outdoor", "cifar10:3.0.2".
      data_dir: TFDS's folder of data sets; by default `$TFDS_DATA_DIR` or
        `~/tensorflow_datasets`.

    Raises:
      ValueError: If the name is unknown, or the data set is not prepared.
    """
    parts = check_prepared(name, data_dir)
    place = tfds_place(data_dir)
    import tensorflow_datasets as tfds  # slow to import, and a folder of images needs none

    if parts["name"] in embedded.NAMES and not parts["config"]:
        place = data_dir = os.fspath(embedded.prepare(parts["name"], data_dir).data_dir_root)
    try:
        with _without_warnings():
            builder = tfds.builder(name, data_dir=data_dir, try_gcs=False)
            if not builder.is_prepared() and not parts["version"]:
                builder = tfds.builder(f"{name}:*.*.*", data_dir=data_dir, try_gcs=False)
        if builder.is_prepared():
            return builder
    except tfds.core.DatasetNotFoundError:
        pass
    except ImportError as error:
        raise ValueError(f"The data set {name!r} needs a package: {error}.") from error
    except (ValueError, AssertionError) as error:
        # TFDS's own messages run over many lines. What is not there it words in several ways.
        known = tfds.builder_cls(parts["name"])
        if not parts["version"] and (
            not parts["config"] or parts["config"] in known.builder_configs
        ):
            raise ValueError(f"Cannot open {name!r}: {str(error).splitlines()[0]}") from error
    check_not_inside(place, parts["name"])
    raise ValueError(
        f"The data set {name!r} is not prepared in {place!r}, which holds "
        f"{listed(prepared(place, parts['name']))}."
    )


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """TFDS warns of every folder without the data set; the caller says it in a sentence."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
