"""Directions in latent space along which an attribute of an image changes."""

import dataclasses
import io
import os
from collections.abc import Iterable, Sequence

import numpy as np

from tfglow.array_files import read_arrays
from tfglow.latents.celeba import CELEBA_ATTRIBUTES
from tfglow.whole_files import replace_file


@dataclasses.dataclass(frozen=True, eq=False)
class AttributeDirections:
    """A direction for each attribute (section 6).

        v = mean of z with the attribute − mean of z without it
        z(α) = z + α·v

    Rows and columns are in the order of the official demo's vectors (openai/glow,
    demo/get_manipulators.py): a row for each attribute, in the order of the attributes' table, and
    in a row the first level's ε first. The demo's vectors are these times 1.6.

    Raises:
      ValueError: If there are not as many names as vectors, or two names are the same.

    Example:
      >>> latents, signs = np.array([[1.0, 0.0], [3.0, 2.0]]), np.array([[-1], [1]])
      >>> pairs = [(latents, signs)]
      >>> directions = tfglow.latents.AttributeDirections.from_latents(pairs, ["smile"])
      >>> directions.vectors
      array([[2., 2.]], dtype=float32)
      >>> directions.apply(latents[:1], "smile", [0.0, 0.5])
      array([[[1., 0.],
              [2., 1.]]])
    """

    #: The name of each row.
    names: tuple[str, ...]
    #: float32 [A, D].
    vectors: np.ndarray

    def __post_init__(self) -> None:
        names = tuple(str(name) for name in self.names)
        vectors = np.asarray(self.vectors, np.float32)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "vectors", vectors)
        if vectors.ndim != 2 or len(vectors) != len(names):
            raise ValueError(
                f"{len(names)} attributes need vectors [{len(names)}, D], got "
                f"{list(vectors.shape)}."
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"Attributes must have different names, got {twice[0]!r} twice.")

    @classmethod
    def from_latents(
        cls, batches: Iterable[tuple[np.ndarray, np.ndarray]], names: Sequence[str]
    ) -> "AttributeDirections":
        """The directions from latents with known attributes, in one pass, a batch at a time.

        Args:
          batches: Pairs of latents `[B, D]` and signs `[B, A]`: positive where an image has the
            attribute, negative where it does not, 0 where the image is left out.
          names: Names of the A attributes.

        Raises:
          ValueError: If an attribute has no image with it, or none without it.
        """
        sums, counts = [0.0, 0.0], [0, 0]
        for latents, signs in batches:
            latents, signs = np.asarray(latents, np.float64), np.asarray(signs)
            if signs.shape != (len(latents), len(names)):
                raise ValueError(
                    f"{len(latents)} latents with {len(names)} attributes need signs "
                    f"[{len(latents)}, {len(names)}], got {list(signs.shape)}."
                )
            for index, chosen in enumerate((signs > 0, signs < 0)):
                sums[index] = sums[index] + chosen.T.astype(np.float64) @ latents  # [A, D]
                counts[index] = counts[index] + chosen.sum(axis=0)  # [A]
        if isinstance(counts[0], int):
            raise ValueError("A direction needs latents, got none.")
        for word, count in zip(("with", "without"), counts, strict=True):
            for name in np.asarray(names)[count == 0]:
                raise ValueError(f"There is no image {word} the attribute {str(name)!r}.")
        means = [total / count[:, None] for total, count in zip(sums, counts, strict=True)]
        return cls(tuple(names), means[0] - means[1])

    def __getitem__(self, name: str) -> np.ndarray:
        """The direction of an attribute, float32 `[D]`.

        Raises:
          ValueError: If there is no such attribute.
        """
        if name not in self.names:
            raise ValueError(f"Unknown attribute {name!r}; known are {', '.join(self.names)}.")
        return self.vectors[self.names.index(name)]

    def apply(self, latents: np.ndarray, name: str, strengths: Sequence[float]) -> np.ndarray:
        """z + α·v for every latent and every strength.

        Args:
          latents: `[N, D]`.
          name: Name of the attribute.
          strengths: The α, `[S]`; 0 leaves an image as it is, 1 goes as far as from the mean
            without to the mean with the attribute.

        Returns:
          `[N, S, D]`, of the dtype of `latents`.

        Raises:
          ValueError: If there is no such attribute, the latents have another length, or a strength
            is not finite.
        """
        latents = np.asarray(latents)
        direction = self[name]
        if latents.ndim != 2 or latents.shape[1] != len(direction):
            raise ValueError(
                f"The direction {name!r} is for latents [N, {len(direction)}], got "
                f"{list(latents.shape)}."
            )
        alphas = np.asarray(strengths, latents.dtype)
        if not np.all(np.isfinite(alphas)):
            raise ValueError(f"Strengths must be finite, got {list(strengths)}.")
        return latents[:, None] + alphas[:, None] * direction.astype(latents.dtype)

    def save(self, path: str | os.PathLike) -> None:
        """Writes an `.npz` file with `names` [A] and `vectors` [A, D]."""
        file = io.BytesIO()
        np.savez(file, names=np.array(self.names), vectors=self.vectors)
        replace_file(path, file.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike) -> "AttributeDirections":
        """Reads what `save` wrote, or a plain `.npy` array [40, D] such as the official demo's.

        The rows of the latter are taken for CelebA's attributes.

        Raises:
          ValueError: If the file is neither.
        """
        loaded = read_arrays(path, ("names", "vectors"))
        name = os.fsdecode(path)
        if isinstance(loaded, np.ndarray):
            loaded = {"names": np.array(CELEBA_ATTRIBUTES), "vectors": loaded}
        for array in ("names", "vectors"):
            if array not in loaded:
                raise ValueError(
                    f"{name!r} has no array {array!r}: it holds no attribute directions."
                )
        try:
            return cls(tuple(np.atleast_1d(loaded["names"]).tolist()), loaded["vectors"])
        except ValueError as error:
            raise ValueError(f"Cannot read attribute directions from {name!r}: {error}") from error
