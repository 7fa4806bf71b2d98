"""A PredictResponse as arrays, once every row of it is known to be valid."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import numpy as np

from serving.bad_rows import BAD_ROW_KEY, describe, first_bad_row
from serving.remote.errors import InvalidRowError, ServingError
from serving.tensors import to_array


def read_answer(
    future: grpc.Future, part: Mapping[str, np.ndarray], first_row: int
) -> dict[str, np.ndarray]:
    """The outputs that `part`, from `first_row` on, was answered with, all of its rows valid.

    Raises:
      InvalidRowError: a row that is not valid, by its number in the whole request.
      ServingError: outputs with other rows than were asked for.
      MalformedTensorError: an output that is no tensor.
      grpc.RpcError: a call that failed otherwise.
    """
    try:
        response = future.result()
    except grpc.RpcError as error:
        # The embedded server refuses a bad row itself, and says which.
        row = dict(error.trailing_metadata() or ()).get(BAD_ROW_KEY)
        if row is None:
            raise
        raise InvalidRowError(first_row + int(row), describe(part, int(row))) from error
    outputs = {name: to_array(proto) for name, proto in response.outputs.items()}
    rows = len(next(iter(part.values())))
    sizes = {name: value.shape[:1] for name, value in outputs.items()}
    if "valid" not in outputs or set(sizes.values()) != {(rows,)}:
        message = f"{rows} rows were answered with {sizes}; every output, and `valid`, has as many"
        raise ServingError(message, grpc.StatusCode.INTERNAL)
    row = first_bad_row(outputs.pop("valid"))
    if row is not None:
        raise InvalidRowError(first_row + row, describe(part, row))
    return outputs
