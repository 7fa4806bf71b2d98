"""Why a version did not load, in one sentence that names what is wrong with its folder."""

import os
import stat
from pathlib import Path

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from serving.embedded.request_checks import RequestError

_GRAPH = "saved_model.pb"
_WEIGHTS = Path("variables", "variables")
_DATA_LOSS, _NOT_FOUND = grpc.StatusCode.DATA_LOSS, grpc.StatusCode.NOT_FOUND


def check_files(folder: Path) -> None:
    """Refuses what would be read for ever: pipes, sockets and devices in a version's folder.

    Raises:
      RequestError: FAILED_PRECONDITION, if there is one.
    """
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                kind = path.stat().st_mode
            except OSError:  # Whoever reads it will say so.
                continue
            if not stat.S_ISREG(kind):
                raise RequestError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"`{path.relative_to(folder)}` is not a file",
                )


def explain(folder: Path, error: BaseException, has_graph: bool) -> RequestError:
    """The sentence for a SavedModel that did not load.

    Args:
      folder: The version's folder.
      error: What loading it raised.
      has_graph: Whether its graph was read, and only its weights were not.
    """
    damage = _damaged_graph(folder) or _damaged_weights(folder)
    if damage is not None:
        return damage
    if has_graph:
        while error.__context__ is not None:  # TensorFlow tries another way after the first error.
            error = error.__context__
        return RequestError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"its weights ({_WEIGHTS}.*) are not those of its graph: {reason(error)}",
        )
    return RequestError(
        failure_code(error), f"its graph ({_GRAPH}) cannot be built: {reason(error)}"
    )


def reason(error: BaseException) -> str:
    """What an error says, in one line and without the frame that TensorFlow puts around it."""
    text = str(error.message if isinstance(error, tf.errors.OpError) else error)
    lines = (line.strip() for line in text.removeprefix("Graph execution error:").splitlines())
    kept = [line for line in lines if line and not line.startswith(("[[{{node", "In {{node"))]
    name = type(error).__name__
    if not kept:
        return name
    return f"{name}: {kept[0]}" if isinstance(error, KeyError | TypeError) else kept[0]


def failure_code(error: BaseException) -> grpc.StatusCode:
    """The status code of an error while a version loaded."""
    if isinstance(error, tf.errors.OpError):
        number = error.error_code
        return next((c for c in grpc.StatusCode if c.value[0] == number), grpc.StatusCode.UNKNOWN)
    return _NOT_FOUND if isinstance(error, OSError) else grpc.StatusCode.UNKNOWN


def _damaged_graph(folder: Path) -> RequestError | None:
    try:
        content = (folder / _GRAPH).read_bytes()
    except FileNotFoundError:
        return RequestError(_NOT_FOUND, f"it has no {_GRAPH}")
    except OSError as error:
        return RequestError(failure_code(error), f"its {_GRAPH} cannot be read: {error.strerror}")
    try:
        graphs = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    except DecodeError:
        return RequestError(_DATA_LOSS, f"its graph ({_GRAPH}) is damaged: it cannot be parsed")
    tags = [sorted(graph.meta_info_def.tags) for graph in graphs]
    if [tf.saved_model.SERVING] not in tags:
        return RequestError(
            _DATA_LOSS,
            f"its graph ({_GRAPH}) is damaged, or not for serving: it holds graphs with the tags "
            f"{tags}",
        )
    return None


def _damaged_weights(folder: Path) -> RequestError | None:
    index = _WEIGHTS.with_suffix(".index")
    for name in (str(index), f"{_WEIGHTS}.data-*"):
        if not any(folder.glob(name)):
            return RequestError(_NOT_FOUND, f"its weights are not all there: it has no {name}")
    tensor = ""
    try:
        weights = tf.train.load_checkpoint(str(folder / _WEIGHTS))
        for tensor in weights.get_variable_to_shape_map():
            weights.get_tensor(tensor)
    except Exception as error:  # Of a damaged file, whatever its reader meets.
        where = f" at {tensor!r}" if tensor else ""
        return RequestError(
            _DATA_LOSS, f"its weights ({_WEIGHTS}.*) are damaged{where}: {reason(error)}"
        )
    return None
