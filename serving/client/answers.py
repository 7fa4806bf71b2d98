"""A server's answer as arrays, and which of its rows are valid."""

from collections.abc import Mapping

import grpc
import numpy as np

from serving.client.connection import ServingError
from serving.client.signatures import TensorDescription
from serving.printable import LONGEST, printable
from serving.tensors import to_array


class InvalidRowError(ServingError, ValueError):
    """A row with a value that the model does not accept.

    `row` is its number in the caller's own arrays, and `reason` names the value.
    """

    def __init__(self, row: int, reason: str):
        # Its names of inputs are the server's.
        self.reason = printable(reason, LONGEST)
        self.row = row
        super().__init__(f"row {row}: {self.reason}", grpc.StatusCode.INVALID_ARGUMENT)


def read_answer(
    future: grpc.Future,
    part: Mapping[str, np.ndarray],
    first_row: int,
    wanted: Mapping[str, TensorDescription],
) -> dict[str, np.ndarray]:
    """The outputs of `read_rows` without `valid`, which is checked.

    Raises:
      InvalidRowError: If a row is not valid; it is named by its number in the whole request.
    """
    outputs = read_rows(future, part, first_row, wanted)
    check_row(outputs.pop("valid"), part, first_row)
    return outputs


def check_row(valid: np.ndarray, inputs: Mapping[str, np.ndarray], first_row: int = 0) -> None:
    """Refuses the first row that is not `valid`, bool `[N]`.

    Raises:
      InvalidRowError: If there is one.
    """
    if not valid.all():
        row = int(np.argmin(valid))
        raise InvalidRowError(first_row + row, describe(inputs, row))


def read_rows(
    future: grpc.Future,
    part: Mapping[str, np.ndarray],
    first_row: int,
    wanted: Mapping[str, TensorDescription],
) -> dict[str, np.ndarray]:
    """The outputs that a call was answered with, `valid` among them.

    Args:
      future: The call, under way or done.
      part: The inputs that it sent.
      first_row: The number of the part's first row in the whole request.
      wanted: The outputs that the model's signature lists.

    Raises:
      ServingError: If an output has not as many rows as were sent, is missing, or has another type
        or shape than the signature says.
      MalformedTensorError: If an output is not a whole tensor.
      grpc.RpcError: If the call failed.
    """
    outputs = {name: to_array(proto) for name, proto in future.result().outputs.items()}
    rows = len(next(iter(part.values())))
    sizes = {name: value.shape[:1] for name, value in outputs.items()}
    if "valid" not in outputs or set(sizes.values()) != {(rows,)}:
        message = f"{rows} rows were answered with {sizes}; every output, and `valid`, has as many"
        raise ServingError(message, grpc.StatusCode.INTERNAL)
    if outputs.keys() != wanted.keys():
        message = f"{', '.join(outputs)} were answered, of {', '.join(wanted)}"
        raise ServingError(message, grpc.StatusCode.INTERNAL)
    for name, value in outputs.items():
        if value.dtype != wanted[name].numpy or not wanted[name].fits(value.shape):
            got = f"{value.dtype} {list(value.shape)}"
            message = f"`{name}` was answered as {got}, the model's is {wanted[name]}"
            raise ServingError(message, grpc.StatusCode.INTERNAL)
    return outputs


def describe(inputs: Mapping[str, np.ndarray], row: int) -> str:
    """The value of `row` that the model does not accept, such as `temperature = -1.0 (…)`.

    The graph only answers that the row is not valid: which value it is, is read from the inputs.
    Where none of them is wrong by itself, the result was not finite, as it is far from all images.
    """
    suspects = {name: value[row] for name, value in inputs.items() if value.ndim}
    for name, value in suspects.items():
        if inputs[name].dtype.kind != "f":
            continue
        finite = np.isfinite(value)
        if not finite.all():
            place = [int(i) for i in np.argwhere(~finite)[0]] or ""
            return f"`{name}`{place} = {value[~finite].flat[0]}, which is not finite"
        if name == "temperature" and value < 0:
            return f"`temperature` = {value}, which is negative"
    causes = []
    if "label" in suspects:
        causes.append(f"`label` = {suspects['label']}, which is not one of the model's classes")
    if "temperature" in suspects:
        scalars = [f"`{n}` = {suspects[n]}" for n in ("seed", "temperature") if n in suspects]
        causes.append(f"{', '.join(scalars)}, whose image is not finite")
    elif "latent" in suspects:
        causes.append("`latent`, so far from those of images that its image is not finite")
    elif "image_bytes" in suspects:
        causes.append("`image_bytes`, which is no picture that the model takes")
    elif "image" in suspects:
        causes.append("`image`, whose latent or likelihood is not finite")
    return ", or ".join(causes) or "a value that the model does not accept"
