"""Files and folders are local. Nothing here needs TensorFlow."""

import os
import re
import urllib.parse

# Of two letters at least, so that a Windows drive is none; `pathlib` leaves one slash of two.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]+):/+")
# The files that hold a checkpoint, after its name.
_CHECKPOINT_FILE = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")
# What became of one when it was made absolute.
_ABSOLUTE = re.compile(r"/(?=(?:gs|s3|hdfs|abfss?|az|https?|file):/)", re.IGNORECASE)


def check_local_path(path: str | os.PathLike, what: str) -> str:
    """Refuses URLs, of which `pathlib` and the system would make a local folder called "gs:".

    Args:
      path: The path that was given.
      what: What it is, for the message: "`run_dir`".

    Returns:
      The path.

    Raises:
      ValueError: If it is no path, such as None, or a URL: gs://, s3://, hdfs://, http://, file://
        or any other.
    """
    text = path_text(path, what)
    start = _ABSOLUTE.search(text)
    found = _URL.match(text, start.end() if start else 0)
    if found is None:
        return text
    if found["scheme"].lower() == "file":
        place = "/" + urllib.parse.unquote(text[found.end() :])
        remedy = f"give {place!r}"
    else:
        text = f"{found['scheme']}://{text[found.end() :]}"  # As it was before `pathlib`.
        remedy = "copy it, or mount it, and give that place"
    raise ValueError(f"{what} must be a local path, got the URL {text!r}: {remedy}.")


def checkpoint_prefix(path: str | os.PathLike) -> str:
    """The name of a checkpoint of TensorFlow, of which `path` may be one of its files.

    Raises:
      ValueError: If it is no path, such as None.
    """
    return _CHECKPOINT_FILE.sub("", path_text(path, "`path`"))


def path_text(path: object, what: str) -> str:
    """A path as text.

    Args:
      path: The path that was given.
      what: What it is, for the message.

    Raises:
      ValueError: If it is no path, such as None.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise ValueError(f"{what} must be a path, a string or a pathlib.Path; got {path!r}.")
    return os.fsdecode(path)
