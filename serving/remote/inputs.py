"""Arguments as the arrays that a signature takes, or a sentence that says why they are not."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import numpy as np

from serving.remote.model_signatures import ModelDescription, TensorDescription

_NUMPY = {"uint8": np.uint8, "int32": np.int32, "int64": np.int64, "float": np.float32}


def sampling_inputs(num: int, temperature, seed: int | None) -> dict[str, np.ndarray]:
    """Seeds `seed`, `seed + 1`, … and temperatures for `num` samples.

    Raises:
      ValueError: no sample, seeds outside int64, or as many temperatures as fit nothing.
    """
    if num < 1:
        raise ValueError(f"`num` is at least 1, got {num}")
    first = secrets.randbelow(2**31) if seed is None else seed
    if not -(2**63) <= first <= 2**63 - num:
        raise ValueError(f"seeds are 64-bit integers, got {first} to {first + num - 1}")
    temperature = np.asarray(temperature, np.float32)
    if temperature.shape not in ((), (num,)):
        raise ValueError(f"`temperature` is one number or {num}, got {temperature.shape}")
    return {
        "seed": first + np.arange(num, dtype=np.int64),
        "temperature": np.broadcast_to(temperature, (num,)),
    }


def check_inputs(
    model: ModelDescription, signature: str, inputs: Mapping, labels
) -> dict[str, np.ndarray]:
    """`inputs` and `labels` in the types and shapes of `signature`.

    Raises:
      ValueError: anything that does not fit, quoted.
    """
    if signature not in model.signatures:
        known = ", ".join(model.signatures)
        raise ValueError(f"the model has the signatures {known}, not {signature!r}")
    wanted = model.signatures[signature].inputs
    if "label" in wanted and labels is None and "label" not in inputs:
        raise ValueError("the model is conditional: it needs labels")
    if "label" not in wanted and labels is not None:
        raise ValueError(f"the model is not conditional: it takes no labels, got {labels}")
    extra = {} if labels is None else {"label": _spread(labels, inputs)}
    inputs = {**inputs, **extra}
    if set(inputs) != set(wanted):
        raise ValueError(f"{signature!r} takes {', '.join(wanted)}, got {', '.join(inputs)}")
    arrays = {name: _cast(name, value, wanted[name]) for name, value in inputs.items()}
    sizes = {name: len(value) for name, value in arrays.items()}
    if len(set(sizes.values())) > 1 or 0 in sizes.values():
        found = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise ValueError(f"inputs have the same number of rows, at least 1; {found}")
    return arrays


def _spread(labels, inputs: Mapping) -> np.ndarray:
    """One label for all rows, or one a row."""
    labels = np.asarray(labels)
    rows = len(next(iter(inputs.values())))
    if labels.shape not in ((), (1,), (rows,)):
        raise ValueError(f"labels are one for all, or one for each of {rows} rows, got {labels}")
    return np.broadcast_to(labels, (rows,))


def _cast(name: str, value, wanted: TensorDescription) -> np.ndarray:
    array, target = np.asarray(value), np.dtype(_NUMPY[wanted.dtype])
    fits = len(array.shape) == len(wanted.shape) and all(
        size in (None, got) for size, got in zip(wanted.shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in ("iuf" if target.kind == "f" else "iu"):
        got = f"{array.dtype} {list(array.shape)}"
        raise ValueError(f"`{name}` is {wanted}, got {got}")
    if target.kind != "f" and array.size:
        limits = np.iinfo(target)
        if array.min() < limits.min or array.max() > limits.max:
            raise ValueError(
                f"`{name}` is between {limits.min} and {limits.max}, "
                f"got values from {array.min()} to {array.max()}"
            )
    return array.astype(target)
