"""Finds a prepared TFDS data set by its name."""

import contextlib
import difflib
import logging
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfglow.local_paths import check_local_path

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# name, name/config, name:version, name/config:version. (TFDS also knows `namespace:name`, whose
# data sets it fetches from the network; those are not read.)
_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[\w\-.]+))?(:(?P<version>[\d*]+(\.[\d*]+){2}))?")


def find_builder(
    name: str, data_dir: str | os.PathLike | None = None
) -> "tfds.core.DatasetBuilder":
    """The builder of a data set that is prepared in `data_dir`. Never uses the network.

    Without a version in the name, the version of the installed TFDS is used if it is prepared,
    else the newest that is. "digits" is prepared on the spot, see `tfglow.datasets.digits`.

    Args:
      name: The data set's name for TFDS: "cifar10", "lsun/church_outdoor", "cifar10:3.0.2".
      data_dir: TFDS's folder of data sets; by default `$TFDS_DATA_DIR` or
        `~/tensorflow_datasets`.

    Raises:
      ValueError: If the name is unknown, or the data set is not prepared.
    """
    place = os.fspath(data_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets"))
    check_local_path(place, "`data_dir`")

    import tensorflow_datasets as tfds  # slow to import, and a folder of images needs none

    parts = _NAME.fullmatch(name)
    if parts is None:
        raise _unknown_name(name)
    if parts["name"] == "digits" and not parts["config"]:
        from tfglow.datasets import digits  # registers the builder

        prepared = digits.prepare(data_dir)
        data_dir = prepared.data_dir_root
    builder = _builder(name, parts, data_dir)
    if not builder.is_prepared() and not parts["version"]:
        with _without_warnings():
            builder = tfds.builder(f"{name}:*.*.*", data_dir=data_dir, try_gcs=False)
    if not builder.is_prepared():
        raise ValueError(
            f"The data set {name!r} is not prepared in {place!r}; this prepares it: "
            f"tfds build {name} --data_dir={place}"
        )
    return builder


def _builder(
    name: str, parts: re.Match[str], data_dir: str | os.PathLike | None
) -> "tfds.core.DatasetBuilder":
    """TFDS's builder, prepared or not."""
    import tensorflow_datasets as tfds

    try:
        with _without_warnings():
            return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except tfds.core.DatasetNotFoundError:
        raise _unknown_name(name) from None
    except ImportError as error:
        raise ValueError(f"The data set {name!r} needs a package: {error}.") from error
    except (ValueError, AssertionError) as error:
        # TFDS's own messages run over many lines.
        known = tfds.builder_cls(parts["name"])
        if parts["config"] and parts["config"] not in known.builder_configs:
            raise _unknown_config(parts["name"], parts["config"], known) from None
        if parts["version"]:
            raise ValueError(
                f"The data set {name!r} is not prepared in {os.fspath(data_dir or 'TFDS')!r}, and "
                f"the installed TFDS makes version {known.VERSION}, not {parts['version']}."
            ) from None
        raise ValueError(f"Cannot open {name!r}: {str(error).splitlines()[0]}") from error


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


def _unknown_name(name: str) -> ValueError:
    import tensorflow_datasets as tfds

    known = ["digits", "folder", *tfds.list_builders(with_community_datasets=False)]
    # TFDS's names are lower case with words joined by underscores.
    asked = re.split(r"[/:]", name.lower())[0]
    return ValueError(
        f"Unknown data set {name!r}: expected 'digits', 'folder' or the name of a TFDS data set"
        f"{_suggestion(asked, known)}."
    )


def _unknown_config(
    name: str, config: str, builder: "type[tfds.core.DatasetBuilder]"
) -> ValueError:
    known = list(builder.builder_configs)
    if not known:
        return ValueError(f"The data set {name!r} has no configurations, got {config!r}.")
    few = ", ".join(repr(known_config) for known_config in known[:10])
    more = f" and {len(known) - 10} more" if len(known) > 10 else ""
    return ValueError(
        f"Unknown configuration {config!r} of {name!r}: it has {few}{more}"
        f"{_suggestion(config, known)}."
    )


def _suggestion(asked: str, known: list[str]) -> str:
    close = difflib.get_close_matches(asked, known, n=3)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
