"""Splits a large request into pieces that the server takes, and puts the answers together."""

import collections
from collections.abc import Callable, Mapping

import grpc
import numpy as np

Arrays = Mapping[str, np.ndarray]


class PiecewiseCall:
    """Sends a request's rows in pieces, and halves a piece that the server finds too large."""

    def __init__(
        self,
        send: Callable[[Arrays], grpc.Future],
        receive: Callable[[grpc.Future, Arrays, int], Arrays],
        max_rows: int,
        max_bytes: int,
        window: int,
    ):
        """Sends nothing yet.

        Args:
          send: Starts the call for a piece's arrays, and returns its gRPC future.
          receive: Turns a future, its piece and the piece's first row into arrays, or raises.
          max_rows: The most rows in a piece.
          max_bytes: The most bytes in a piece; one row is sent whatever its size.
          window: The most calls under way at the same time.
        """
        self._send = send
        self._receive = receive
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._window = window

    def run(self, inputs: Arrays, progress: Callable[[int], object]) -> dict[str, np.ndarray]:
        """The outputs of all rows, in their order; `progress` hears how many rows have arrived."""
        total = len(next(iter(inputs.values())))
        row_bytes = sum(map(_bytes, inputs.values())) / total
        rows = max(1, min(self._max_rows, int(self._max_bytes / max(1, row_bytes))))
        waiting = collections.deque(
            (start, min(start + rows, total)) for start in range(0, total, rows)
        )
        under_way: collections.deque[tuple[int, int, Arrays, grpc.Future]] = collections.deque()
        answers: dict[int, Arrays] = {}
        try:
            while waiting or under_way:
                while waiting and len(under_way) < self._window:
                    start, stop = waiting.popleft()
                    sent = {name: value[start:stop] for name, value in inputs.items()}
                    under_way.append((start, stop, sent, self._send(sent)))
                start, stop, part, future = under_way.popleft()
                try:
                    answers[start] = self._receive(future, part, start)
                except grpc.RpcError as error:
                    if stop - start == 1 or not _is_too_large(error):
                        raise
                    middle = (start + stop) // 2
                    waiting.extendleft([(middle, stop), (start, middle)])
                else:
                    progress(stop - start)
        finally:
            for *_, future in under_way:
                future.cancel()
        parts = [answers[start] for start in sorted(answers)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _bytes(value: np.ndarray) -> int:
    """The bytes that an array, of numbers or of `bytes`, takes in a message."""
    return sum(map(len, value.flat)) if value.dtype.hasobject else value.nbytes


def _is_too_large(error: grpc.RpcError) -> bool:
    """Whether fewer rows may do: the server's limit on a batch's rows, or on a message's bytes."""
    details = error.details() or ""
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        return "is larger than maximum input batch size" in details
    return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details
