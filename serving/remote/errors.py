"""What a call to a server can end with, as one sentence each."""

from __future__ import annotations

import grpc


class ServingError(Exception):
    """A call that failed: gRPC's status code and a sentence."""

    def __init__(self, message: str, code: grpc.StatusCode):
        super().__init__(message)
        self.code = code


class InvalidRowError(ServingError, ValueError):
    """A row whose value the model does not accept: its number in the caller's own arrays."""

    def __init__(self, row: int, reason: str):
        super().__init__(f"row {row}: {reason}", grpc.StatusCode.INVALID_ARGUMENT)
        self.row = row
        self.reason = reason
