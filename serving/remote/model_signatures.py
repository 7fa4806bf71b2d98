"""The model's signatures, as GetModelMetadata describes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tensorflow_serving.apis import get_model_metadata_pb2

from serving.tensors import dtype_name


@dataclasses.dataclass(frozen=True)
class TensorDescription:
    """A tensor's type and shape; None is a dimension that a request chooses."""

    dtype: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        sizes = ", ".join("N" if size is None else str(size) for size in self.shape)
        return f"{self.dtype} [{sizes}]"


@dataclasses.dataclass(frozen=True)
class SignatureDescription:
    """A signature's inputs and outputs by name."""

    inputs: Mapping[str, TensorDescription]
    outputs: Mapping[str, TensorDescription]


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """The version that answers and its signatures; the model's sizes are read from them."""

    name: str
    version: int
    signatures: Mapping[str, SignatureDescription]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height, width and channels."""
        return self.signatures["encode"].inputs["image"].shape[1:]

    @property
    def dimensions(self) -> int:
        """The latent's D."""
        return self.signatures["decode"].inputs["latent"].shape[1]

    @property
    def is_conditional(self) -> bool:
        """Whether every request needs labels."""
        return "label" in self.signatures["sample"].inputs

    @classmethod
    def from_response(
        cls, response: get_model_metadata_pb2.GetModelMetadataResponse
    ) -> ModelDescription:
        """Reads the response.

        Raises:
          ValueError: a model without the signatures of a Glow.
        """
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        described = {
            name: SignatureDescription(_describe(s.inputs), _describe(s.outputs))
            for name, s in sorted(signatures.signature_def.items())
            # The loader's own initialization is listed too, without a method.
            if s.method_name
        }
        spec = response.model_spec
        for name in ("encode", "decode", "sample", "sample_png"):
            if name not in described:
                raise ValueError(f"the model {spec.name!r} has no signature {name!r}")
        return cls(spec.name, spec.version.value, described)


def _describe(tensors) -> dict[str, TensorDescription]:
    return {
        name: TensorDescription(
            dtype_name(info.dtype),
            tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim),
        )
        for name, info in sorted(tensors.items())
    }
