"""Says which value made a row invalid, for the client and for the embedded server.

The exported graph only answers `valid = false`; the value is read from the request's own inputs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Trailing metadata in which the embedded server gives the number of a bad row in its request.
BAD_ROW_KEY = "glow-bad-row"


def first_bad_row(valid: np.ndarray) -> int | None:
    """The first row that is not valid, or None."""
    return None if valid.all() else int(np.argmin(valid))


def describe(inputs: Mapping[str, np.ndarray], row: int) -> str:
    """The value of `row` that no model accepts, as `temperature = -1.0 (…)`."""
    suspects = {name: value[row] for name, value in inputs.items() if value.ndim}
    for name, value in suspects.items():
        if value.dtype.kind != "f":
            continue
        finite = np.isfinite(value)
        if not finite.all():
            place = [int(i) for i in np.argwhere(~finite)[0]] or ""
            return f"`{name}`{place} = {value[~finite].flat[0]}, which is not finite"
        if name == "temperature" and value < 0:
            return f"`temperature` = {value}, which is negative"
    if "label" in suspects:
        return f"`label` = {suspects['label']}, which is not one of the model's classes"
    scalars = [f"`{name}` = {value}" for name, value in suspects.items() if not value.ndim]
    return ", ".join(scalars) or "a value that the model does not accept"
