"""Where a picture on the page comes from; all that is needed to make it again."""

import dataclasses

from serving.demo.body import Body


@dataclasses.dataclass(frozen=True)
class Sampled:
    """The sample of a seed; `label` is its class, None where the model has none."""

    seed: int
    temperature: float
    label: int | None = None


@dataclasses.dataclass(frozen=True)
class Uploaded:
    """An uploaded file by its name here, the content's SHA-256; `label` as in `Sampled`."""

    upload: str
    label: int | None = None


Source = Sampled | Uploaded

# The largest integer that JavaScript writes exactly.
MAX_SEED = 2**53 - 1
MAX_TEMPERATURE = 10.0
MAX_LABEL = 2**31 - 1


def read_source(body: Body) -> Source:
    """The source that a JSON object describes.

    Raises:
      BadRequest: If it describes none.
    """
    label = read_label(body)
    if body.has("upload"):
        return Uploaded(body.only("upload", "label").text("upload"), label)
    body.only("seed", "temperature", "label")
    seed = body.integer("seed", 0, MAX_SEED)
    return Sampled(seed, body.number("temperature", 0.0, MAX_TEMPERATURE), label)


def read_label(body: Body) -> int | None:
    """The class that a JSON object names; None if it names none.

    Raises:
      BadRequest: If it is no class's number.
    """
    return body.integer("label", 0, MAX_LABEL) if body.has("label") else None
