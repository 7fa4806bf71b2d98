"""The model's signatures, and a caller's arguments as the arrays that they take."""

import dataclasses
import math
import secrets
from collections.abc import Collection, Mapping

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import ArrayLike
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from serving.printable import LONGEST, printable
from serving.tensors import dtype_name

_NUMPY: dict[str, np.dtype] = {
    name: np.dtype(kind)
    for name, kind in {
        "uint8": np.uint8,
        "int32": np.int32,
        "int64": np.int64,
        "float": np.float32,
        "double": np.float64,
        "bool": np.bool_,
        "string": object,
    }.items()
}
PREPARATION = "preparation"  # Exports of older versions have none.
SCORE = "score"  # Of exports with a detector.
# What every Glow has: by signature the ranks of inputs, and the names of outputs. `sample_png` is
# not among them: a model whose images no PNG can hold has none.
_REQUIRED: dict[str, tuple[dict[str, int], tuple[str, ...]]] = {
    "encode": ({"image": 4}, ("latent", "log_prob", "bits_per_dim", "valid")),
    "decode": ({"latent": 2}, ("image", "valid")),
    "sample": ({"seed": 1, "temperature": 1}, ("image", "valid")),
}
# An image of more values is none; a client must not make room for what a stranger declares.
_MOST_VALUES = 2**28


@dataclasses.dataclass(frozen=True)
class TensorDescription:
    """A tensor's type and shape; None is a dimension that a request chooses, or an unknown rank."""

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        sizes = ", ".join("N" if size is None else str(size) for size in self.shape)
        return f"{self.dtype} [{sizes}]"

    @property
    def numpy(self) -> np.dtype | None:
        """NumPy's type; None if this client does not know one."""
        return _NUMPY.get(self.dtype)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape is one."""
        return self.shape is None or (
            len(self.shape) == len(shape)
            and all(size in (None, got) for size, got in zip(self.shape, shape, strict=True))
        )


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
        return _fixed_sizes(self.signatures["encode"].inputs["image"])

    @property
    def dimensions(self) -> int:
        """How many dimensions a latent has."""
        (size,) = _fixed_sizes(self.signatures["decode"].inputs["latent"])
        return size

    @property
    def is_conditional(self) -> bool:
        """Whether every request needs labels."""
        return "label" in self.signatures["sample"].inputs

    @classmethod
    def from_response(
        cls, response: get_model_metadata_pb2.GetModelMetadataResponse
    ) -> "ModelDescription":
        """Reads what GetModelMetadata answered.

        Raises:
          ValueError: If the model has not the signatures of a Glow.
        """
        signatures = get_model_metadata_pb2.SignatureDefMap()
        try:
            response.metadata["signature_def"].Unpack(signatures)
        except DecodeError as error:
            raise ValueError("the answer's `signature_def` is no map of signatures") from error
        described = {
            name: SignatureDescription(_describe(s.inputs), _describe(s.outputs))
            for name, s in sorted(signatures.signature_def.items())
            # The loader's own initialization is listed too, without a method.
            if s.method_name
        }
        spec = response.model_spec
        for name, (inputs, outputs) in _REQUIRED.items():
            if name not in described:
                raise ValueError(f"the model {spec.name!r} has no signature {name!r}")
            _check_required(spec.name, name, described[name], inputs, outputs)
        return cls(spec.name, spec.version.value, described)


def check_detector(model: ModelDescription) -> None:
    """Refuses a model that scores nothing.

    Raises:
      ValueError: If it was exported without a detector.
    """
    if SCORE not in model.signatures:
        raise ValueError(
            f"the model {model.name!r} has no `{SCORE}`: it was exported without a detector "
            "(export/main.py --detector=FILE)"
        )


def sampling_inputs(num: int, temperature: ArrayLike, seed: int | None) -> dict[str, np.ndarray]:
    """What `sample` and `sample_png` take for `num` samples, but for labels.

    Args:
      num: How many samples.
      temperature: One for all, or one a sample.
      seed: The first sample's seed, which the next ones count up from; None draws one.

    Raises:
      ValueError: If there is no sample, a seed is outside int64, or the number of temperatures
        is neither 1 nor `num`.
    """
    if num < 1:
        raise ValueError(f"`num` must be at least 1, got {num}")
    first = secrets.randbelow(2**31) if seed is None else seed
    if not -(2**63) <= first <= 2**63 - num:
        raise ValueError(f"seeds must be 64-bit integers, got {first} to {first + num - 1}")
    with np.errstate(over="ignore"):  # The model refuses infinity.
        temperature = np.asarray(temperature, np.float32)
    if temperature.shape not in ((), (num,)):
        raise ValueError(
            f"`temperature` must be one number or {num}, got the shape {list(temperature.shape)}"
        )
    return {
        "seed": first + np.arange(num, dtype=np.int64),
        "temperature": np.broadcast_to(temperature, (num,)),
    }


def check_inputs(
    model: ModelDescription,
    signature: str,
    inputs: Mapping[str, ArrayLike],
    labels: ArrayLike | None,
) -> dict[str, np.ndarray]:
    """The inputs as arrays in the types and shapes that a signature takes.

    Args:
      model: The model that is asked.
      signature: The signature's name.
      inputs: Arrays by the signature's names, labels possibly among them.
      labels: One label for all rows or one a row; None for a model without classes.

    Raises:
      ValueError: If something does not fit; the message quotes it.
    """
    if signature not in model.signatures:
        known = printable(", ".join(model.signatures), LONGEST)
        raise ValueError(f"`signature` must be one of {known}, got {signature!r}")
    wanted = model.signatures[signature].inputs
    if "label" in wanted and labels is None and "label" not in inputs:
        raise ValueError("the model is conditional: it needs labels")
    if "label" not in wanted and labels is not None:
        raise ValueError(f"the model is not conditional: it takes no labels, got {labels}")
    extra = {} if labels is None else {"label": _one_a_row(labels, inputs)}
    inputs = {**inputs, **extra}
    if set(inputs) != set(wanted):
        names = printable(", ".join(wanted), LONGEST)
        raise ValueError(f"the inputs of {signature!r} must be {names}, got {', '.join(inputs)}")
    arrays = {name: _cast(name, value, wanted[name]) for name, value in inputs.items()}
    sizes = {name: len(value) for name, value in arrays.items()}
    if len(set(sizes.values())) > 1 or 0 in sizes.values():
        found = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise ValueError(f"inputs must have the same number of rows, at least 1; {found}")
    return arrays


def _check_required(
    model: str,
    signature: str,
    described: SignatureDescription,
    inputs: Mapping[str, int],
    outputs: Collection[str],
) -> None:
    for name, rank in inputs.items():
        found = described.inputs.get(name)
        sizes = () if found is None or found.shape is None else found.shape[1:]
        if found is None or len(sizes) != rank - 1 or not all(sizes):
            raise ValueError(
                f"the signature {signature!r} of the model {model!r} has no input {name!r} of rank "
                f"{rank} with fixed sizes"
            )
        if math.prod(size or 0 for size in sizes) > _MOST_VALUES:
            raise ValueError(f"`{name}` of the model {model!r} is {found}, which is far too large")
    for name in outputs:
        if name not in described.outputs:
            raise ValueError(
                f"the signature {signature!r} of the model {model!r} has no output {name!r}"
            )


def _describe(
    tensors: Mapping[str, meta_graph_pb2.TensorInfo],
) -> dict[str, TensorDescription]:
    return {
        name: TensorDescription(
            dtype_name(info.dtype),
            None
            if info.tensor_shape.unknown_rank
            else tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim),
        )
        for name, info in sorted(tensors.items())
    }


def _fixed_sizes(tensor: TensorDescription) -> tuple[int, ...]:
    """All sizes but the number of rows."""
    return tuple(size for size in tensor.shape or () if size is not None)


def _one_a_row(labels: ArrayLike, inputs: Mapping[str, ArrayLike]) -> np.ndarray:
    labels = np.asarray(labels)
    rows = len(np.asarray(next(iter(inputs.values()))))
    if labels.shape not in ((), (1,), (rows,)):
        raise ValueError(
            f"labels must be one for all, or one for each of {rows} rows, got {labels}"
        )
    return np.broadcast_to(labels, (rows,))


def _cast(name: str, value: ArrayLike, wanted: TensorDescription) -> np.ndarray:
    target = wanted.numpy
    name = printable(name, LONGEST)
    if target is None:
        raise ValueError(f"`{name}` is {wanted}, a type that this client does not send")
    if target.hasobject:  # Told so: NumPy's own strings drop zeros at the end.
        array = np.asarray(value, object)
        fits = all(isinstance(element, bytes) for element in array.flat)
    else:
        array = np.asarray(value)
        fits = array.dtype.kind in ("iuf" if target.kind == "f" else "iu")
    if not fits or not wanted.fits(array.shape):
        got = f"{array.dtype} {list(array.shape)}"
        raise ValueError(f"`{name}` must be {wanted}, got {got}")
    if target.kind in "iu" and array.size:
        limits = np.iinfo(target)
        if array.min() < limits.min or array.max() > limits.max:
            raise ValueError(
                f"`{name}` must be between {limits.min} and {limits.max}, "
                f"got values from {array.min()} to {array.max()}"
            )
    with np.errstate(over="ignore"):  # What float32 cannot hold is not finite: the row is named.
        return array.astype(target)
