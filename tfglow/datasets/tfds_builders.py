"""Finds a prepared TFDS data set by its name."""

import contextlib
import difflib
import logging
import os
import pathlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfglow.datasets import embedded
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
    else the newest that is. The embedded ones are prepared on the spot; see `embedded.prepare`.

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
    if parts["name"] in embedded.NAMES and not parts["config"]:
        data_dir = embedded.prepare(parts["name"], data_dir).data_dir_root
    prepared = _prepared(place, parts["name"])
    try:
        builder = _builder(name, parts, data_dir)
        if not builder.is_prepared() and not parts["version"]:
            with _without_warnings():
                builder = tfds.builder(f"{name}:*.*.*", data_dir=data_dir, try_gcs=False)
    except _NotFound:
        if not prepared and _folder_above(place, parts["name"]) is None:
            raise
        builder = None
    if builder is not None and builder.is_prepared():
        return builder
    above = _folder_above(place, parts["name"])
    if above is not None:
        raise ValueError(
            f"`data_dir` = {place!r} is in the folder of the data set {parts['name']!r}: give the "
            f"one that this is in, {above!r}."
        )
    if prepared:
        raise ValueError(
            f"The data set {name!r} is not prepared in {place!r}, which holds {_listed(prepared)}."
        )
    raise ValueError(
        f"The data set {name!r} is not prepared in {place!r}; this prepares it: "
        f"tfds build {name} --data_dir={place}"
    )


class _NotFound(ValueError):
    """There is no data set of a name, or not in this version or configuration."""


def _prepared(place: str, name: str) -> list[str]:
    """The configurations and versions of a data set that are prepared, as its names for TFDS."""
    folder = pathlib.Path(place).expanduser() / name
    infos = [*folder.glob("*/dataset_info.json"), *folder.glob("*/*/dataset_info.json")]
    found = []
    for info in infos:
        *config, version = info.parent.relative_to(folder).parts
        numbers = [int(number) if number.isdigit() else 0 for number in version.split(".")]
        found.append((config, numbers, f"{'/'.join([name, *config])}:{version}"))
    return [full_name for _, _, full_name in sorted(found)]


def _folder_above(place: str, name: str) -> str | None:
    """TFDS's folder of data sets, if `place` is a data set's own or in it; else None."""
    path = pathlib.Path(place).expanduser().absolute()
    for folder in (path, *path.parents[:2]):
        if folder.name == name and _prepared(str(folder.parent), name):
            return str(folder.parent)
    return None


def _listed(names: list[str]) -> str:
    few = ", ".join(map(repr, names[:10]))
    return f"{few} and {len(names) - 10} more" if len(names) > 10 else few


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
            raise _NotFound(
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


def _unknown_name(name: str) -> _NotFound:
    import tensorflow_datasets as tfds

    known = [*embedded.NAMES, "folder", *tfds.list_builders(with_community_datasets=False)]
    # TFDS's names are lower case with words joined by underscores.
    asked = re.split(r"[/:]", name.lower())[0]
    return _NotFound(
        f"Unknown data set {name!r}: expected {', '.join(map(repr, embedded.NAMES))}, 'folder' or "
        f"the name of a TFDS data set"
        f"{_suggestion(asked, known)}."
    )


def _unknown_config(name: str, config: str, builder: "type[tfds.core.DatasetBuilder]") -> _NotFound:
    known = list(builder.builder_configs)
    if not known:
        return _NotFound(f"The data set {name!r} has no configurations, got {config!r}.")
    return _NotFound(
        f"Unknown configuration {config!r} of {name!r}: it has {_listed(known)}"
        f"{_suggestion(config, known)}."
    )


def _suggestion(asked: str, known: list[str]) -> str:
    close = difflib.get_close_matches(asked, known, n=3)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
