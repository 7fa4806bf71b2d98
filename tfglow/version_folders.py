"""The folders of a served model's versions, by their names. Nothing here needs TensorFlow."""

import re

# Servers keep a version in an int64, and do not see a folder whose number is higher.
HIGHEST_VERSION = 2**63 - 1

_NUMBER = re.compile(r"[ \t-\r]*\+?([0-9]+)[ \t-\r]*")


def version_number(name: str) -> int | None:
    """The number from 0 that a folder's name is, as a server reads it; None if it is none.

    TF Serving takes a name for a number as C++ does: zeros in front, spaces around it and a plus
    count for nothing. Digits of other scripts are none. A number above `HIGHEST_VERSION` is one
    that no server serves.
    """
    found = _NUMBER.fullmatch(name)
    return int(found[1]) if found else None
