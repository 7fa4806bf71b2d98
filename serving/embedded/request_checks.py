"""What is known of a request without running it: its refusals, or the arrays to run.

The messages are TF Serving's (`servables/tensorflow/predict_util.cc`, `batching_session.cc`, and
the session's own for types). Shapes, which TF Serving leaves to the graph, are compared here too:
a request that the graph would refuse must not be merged with others'.
"""

import dataclasses
import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence

import grpc
import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from serving.tensors import MalformedTensorError, declared_shape, dtype_name, to_array

# TF Serving's limit in bytes: status messages travel in HTTP/2 headers, which are small.
_LONGEST_MESSAGE = 1024


class RequestError(Exception):
    """The one exception that becomes a gRPC status: its code, and a sentence."""

    def __init__(self, code: grpc.StatusCode, message: str):
        message = _truncated(message)
        super().__init__(message)
        self.code = code
        self.message = message


def _truncated(message: str) -> str:
    """`message` as TF Serving cuts it, but between two characters."""
    start = message[: _LONGEST_MESSAGE + 1].encode("utf-8", "replace")
    if len(start) <= _LONGEST_MESSAGE:
        return start.decode()
    return start[:_LONGEST_MESSAGE].decode("utf-8", "ignore") + "...TRUNCATED"


def invalid_argument(message: str) -> RequestError:
    """INVALID_ARGUMENT, by far the commonest refusal."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)


def deadline_exceeded(message: str) -> RequestError:
    """DEADLINE_EXCEEDED."""
    return RequestError(grpc.StatusCode.DEADLINE_EXCEEDED, message)


def not_found(message: str) -> RequestError:
    """NOT_FOUND, for a model or a version."""
    return RequestError(grpc.StatusCode.NOT_FOUND, message)


def unavailable(message: str) -> RequestError:
    """UNAVAILABLE: the one refusal that a client may repeat."""
    return RequestError(grpc.StatusCode.UNAVAILABLE, message)


@dataclasses.dataclass(frozen=True)
class Signature:
    """A signature of the model: its name, and its tensors by their names in requests."""

    name: str
    inputs: Mapping[str, meta_graph_pb2.TensorInfo]
    outputs: Mapping[str, meta_graph_pb2.TensorInfo]


@dataclasses.dataclass(frozen=True)
class CheckedRequest:
    """What fits its signature: the inputs' shapes, their rows, and the outputs to return."""

    shapes: dict[str, tuple[int, ...]]
    rows: int
    outputs: list[str]


def check_predict_request(
    request: predict_pb2.PredictRequest, signature: Signature, max_rows: int
) -> CheckedRequest:
    """Checks all of a request but its tensors' contents, which it does not look at.

    Args:
      request: The request.
      signature: The signature that it asks for.
      max_rows: The most rows that it may have.

    Raises:
      RequestError: INVALID_ARGUMENT, if it does not fit the signature.
    """
    check_names(request.inputs, signature)
    outputs = check_output_names(request.output_filter, signature)
    shapes = _check_tensors(request, signature)
    rows = check_rows({alias: shape[0] for alias, shape in shapes.items()}, max_rows)
    return CheckedRequest(shapes, rows, outputs)


def read_inputs(
    request: predict_pb2.PredictRequest, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """The arrays of a checked request; nothing is allocated before its content is known to fit.

    Raises:
      RequestError: INVALID_ARGUMENT, if a content does not fit its shape.
    """
    arrays = {}
    for alias, shape in shapes.items():
        try:
            arrays[alias] = to_array(request.inputs[alias], shape)
        except MalformedTensorError as error:
            raise invalid_argument(f"tensor parsing error: {alias} ({error})") from error
    return arrays


def check_names(sent: Collection[str], signature: Signature) -> None:
    """Compares the names of a request's inputs with the signature's.

    Raises:
      RequestError: INVALID_ARGUMENT, if they are not the same.
    """
    wanted = signature.inputs
    if len(sent) != len(wanted):
        extra = [name for name in sent if name not in wanted]
        missing = [name for name in wanted if name not in sent]
        raise invalid_argument(
            f"input size does not match signature: {len(sent)}!={len(wanted)} "
            f"len({_listed(sent)}) != len({_listed(wanted)}). "
            f"Sent extra: {_listed(extra)}. Missing but required: {_listed(missing)}."
        )
    for alias in sorted(wanted):
        if alias not in sent:
            raise invalid_argument(
                f"Signature input alias: {alias}(feed name: {wanted[alias].name}) not "
                "found in request and no default value provided. Inputs expected to be in the "
                f"set {_listed(wanted)}."
            )


def check_output_names(asked: Iterable[str], signature: Signature) -> list[str]:
    """The outputs to answer: those that are asked for, or all if none is.

    Raises:
      RequestError: INVALID_ARGUMENT, if the signature lacks one, or it is asked for twice. One of
        both is found after as many names as there are outputs.
    """
    outputs: dict[str, None] = {}
    for alias in asked:
        if alias not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in "
                f"the set {_listed(signature.outputs)}."
            )
        if alias in outputs:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
        outputs[alias] = None
    return list(outputs or signature.outputs)


def _listed(names: Collection[str]) -> str:
    """A set as TF Serving writes it; of many names, those that a message has room for."""
    return f"{{{','.join(heapq.nsmallest(_LONGEST_MESSAGE, names))}}}"


def _check_tensors(
    request: predict_pb2.PredictRequest, signature: Signature
) -> dict[str, tuple[int, ...]]:
    """Compares what the protos declare with the signature; returns their shapes."""
    shapes = {}
    # The session numbers its arguments by the names of its feeds.
    order = sorted(signature.inputs, key=lambda alias: signature.inputs[alias].name)
    for index, alias in enumerate(order):
        proto, info = request.inputs[alias], signature.inputs[alias]
        if not proto.dtype:
            raise invalid_argument(f"tensor parsing error: {alias}")
        if proto.dtype != info.dtype:
            raise invalid_argument(
                f"Expects arg[{index}] to be {dtype_name(info.dtype)} "
                f"but {dtype_name(proto.dtype)} is provided"
            )
        try:
            shapes[alias] = declared_shape(proto)
        except MalformedTensorError as error:
            raise invalid_argument(f"tensor parsing error: {alias} ({error})") from error
        check_shape(alias, shapes[alias], info)
    return shapes


def check_shape(alias: str, shape: Sequence[int], info: meta_graph_pb2.TensorInfo) -> None:
    """Compares an input's shape with the signature's.

    Raises:
      RequestError: INVALID_ARGUMENT, if it does not fit.
    """
    if not shape:
        raise invalid_argument("Batching Run() input tensors must have at least one dimension")
    wanted = [dim.size for dim in info.tensor_shape.dim]
    fits = len(wanted) == len(shape) and all(
        size in (-1, got) for size, got in zip(wanted, shape, strict=True)
    )
    if not info.tensor_shape.unknown_rank and not fits:
        expected = ",".join("?" if size < 0 else str(size) for size in wanted)
        raise invalid_argument(
            f"Shape of tensor {alias} [{','.join(map(str, shape))}] is not compatible with "
            f"expected shape [{expected}]."
        )


def check_rows(rows: Mapping[str, int], max_rows: int) -> int:
    """The number of rows that all inputs have.

    Args:
      rows: The rows of each input.
      max_rows: The most rows that a request may have.

    Raises:
      RequestError: INVALID_ARGUMENT, if they differ, or are more.
    """
    if len(set(rows.values())) > 1:
        sizes = ", ".join(f"{alias} has {count}" for alias, count in rows.items())
        raise invalid_argument(
            f"Batching Run() input tensors must have equal 0th-dimension size ({sizes})"
        )
    count = next(iter(rows.values()), 0)
    if count > max_rows:
        raise invalid_argument(
            f"Task size {count} is larger than maximum input batch size {max_rows}"
        )
    return count
