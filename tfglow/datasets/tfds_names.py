"""Names of TFDS data sets, and whether one is prepared; nothing here needs TensorFlow."""

import difflib
import os
import pathlib
import re
from typing import TYPE_CHECKING

from tfglow.datasets import embedded
from tfglow.local_paths import check_local_path

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# name, name/config, name:version, name/config:version. (TFDS also knows `namespace:name`, whose
# data sets it fetches from the network; those are not read.)
_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[\w\-.]+))?(:(?P<version>[\d*]+(\.[\d*]+){2}))?")


def tfds_place(data_dir: str | os.PathLike | None) -> str:
    """TFDS's folder of data sets: `data_dir`, or else `$TFDS_DATA_DIR` or its own default.

    Raises:
      ValueError: If it is a URL.
    """
    place = os.fspath(data_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets"))
    return check_local_path(place, "`data_dir`")


def check_prepared(name: str, data_dir: str | os.PathLike | None = None) -> re.Match[str]:
    """Refuses a data set of which nothing is prepared, neither in another version.

    Args:
      name: The data set's name for TFDS, or that of an embedded one.
      data_dir: TFDS's folder of data sets.

    Returns:
      The name's parts: `name`, `config` and `version`.

    Raises:
      ValueError: If the name is unknown, or nothing of the data set is prepared.
    """
    place = tfds_place(data_dir)
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise _unknown_name(name)
    is_embedded = parts["name"] in embedded.NAMES and not parts["config"]
    if is_embedded or prepared(place, parts["name"]):
        return parts
    check_not_inside(place, parts["name"])
    # Slow to import; most have what they name.
    import tensorflow_datasets as tfds

    try:
        known = tfds.builder_cls(parts["name"])
    except tfds.core.DatasetNotFoundError:
        raise _unknown_name(name) from None
    except ImportError as error:
        raise ValueError(f"The data set {name!r} needs a package: {error}.") from error
    if prepared(place, known.name):  # TFDS takes Cifar10 for cifar10.
        return parts
    if parts["config"] and parts["config"] not in known.builder_configs:
        raise _unknown_config(parts["name"], parts["config"], known)
    if parts["version"] and known.VERSION and parts["version"] != str(known.VERSION):
        raise ValueError(
            f"The data set {name!r} is not prepared in {place!r}, and the installed TFDS makes "
            f"version {known.VERSION}, not {parts['version']}."
        )
    raise ValueError(
        f"The data set {name!r} is not prepared in {place!r}; this prepares it: "
        f"tfds build {name} --data_dir={place}"
    )


def check_not_inside(place: str, name: str) -> None:
    """Refuses a folder that is a data set's own, or in it.

    Raises:
      ValueError: If so; it names the folder of data sets.
    """
    path = pathlib.Path(place).expanduser().absolute()
    for folder in (path, *path.parents[:2]):
        if folder.name == name and prepared(str(folder.parent), name):
            raise ValueError(
                f"`data_dir` = {place!r} is in the folder of the data set {name!r}: give the one "
                f"that this is in, {str(folder.parent)!r}."
            )


def prepared(place: str, name: str) -> list[str]:
    """The configurations and versions of a data set that are prepared, as its names for TFDS."""
    folder = pathlib.Path(place).expanduser() / name
    infos = [*folder.glob("*/dataset_info.json"), *folder.glob("*/*/dataset_info.json")]
    found = []
    for info in infos:
        *config, version = info.parent.relative_to(folder).parts
        numbers = [int(number) if number.isdigit() else 0 for number in version.split(".")]
        found.append((config, numbers, f"{'/'.join([name, *config])}:{version}"))
    return [full_name for _, _, full_name in sorted(found)]


def listed(names: list[str]) -> str:
    """The first of many names, in quotes, and how many more there are."""
    few = ", ".join(map(repr, names[:10]))
    return f"{few} and {len(names) - 10} more" if len(names) > 10 else few


def _unknown_name(name: str) -> ValueError:
    import tensorflow_datasets as tfds

    known = [*embedded.NAMES, "folder", *tfds.list_builders(with_community_datasets=False)]
    # TFDS's names are lower case with words joined by underscores.
    asked = re.split(r"[/:]", name.lower())[0]
    return ValueError(
        f"Unknown data set {name!r}: expected {', '.join(map(repr, embedded.NAMES))}, 'folder' or "
        f"the name of a TFDS data set"
        f"{_suggestion(asked, known)}."
    )


def _unknown_config(
    name: str, config: str, builder: "type[tfds.core.DatasetBuilder]"
) -> ValueError:
    known = list(builder.builder_configs)
    if not known:
        return ValueError(f"The data set {name!r} has no configurations, got {config!r}.")
    return ValueError(
        f"Unknown configuration {config!r} of {name!r}: it has {listed(known)}"
        f"{_suggestion(config, known)}."
    )


def _suggestion(asked: str, known: list[str]) -> str:
    close = difflib.get_close_matches(asked, known, n=3)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
