"""The one exception that becomes a gRPC status."""

from __future__ import annotations

import grpc

# TF Serving's limit: status messages travel in HTTP/2 headers, which are small.
_LONGEST_MESSAGE = 1024


class RequestError(Exception):
    """A request's refusal: a status code, a sentence, and (for a bad row) the row."""

    def __init__(self, code: grpc.StatusCode, message: str, row: int | None = None):
        if len(message) > _LONGEST_MESSAGE:
            message = message[:_LONGEST_MESSAGE] + "...TRUNCATED"
        super().__init__(message)
        self.code = code
        self.message = message
        self.row = row


def invalid_argument(message: str, row: int | None = None) -> RequestError:
    """INVALID_ARGUMENT, by far the commonest refusal."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message, row)


def deadline_exceeded(message: str) -> RequestError:
    """DEADLINE_EXCEEDED."""
    return RequestError(grpc.StatusCode.DEADLINE_EXCEEDED, message)


def unavailable(message: str) -> RequestError:
    """UNAVAILABLE: the one refusal that a client may repeat."""
    return RequestError(grpc.StatusCode.UNAVAILABLE, message)
