"""Latents in `.npz` files: `latent` [N, D], and `label` [N] of a conditional model."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from serving.remote.pictures import write_whole


def read_latents(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The latents and, if the file has them, the labels; a `.npy` file has latents alone.

    Raises:
      ValueError: a file that is none of both.
    """
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded, None
            return loaded["latent"], loaded.get("label")
    except KeyError as error:
        raise ValueError(f"{path} has no array `latent`") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"cannot read {path} as .npz or .npy: {error}") from error


def save_latents(path: Path, **arrays: np.ndarray) -> None:
    """Writes the arrays to `path`."""
    write_whole(path, lambda file: np.savez(file, **arrays))
