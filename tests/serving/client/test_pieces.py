import grpc
import numpy as np
import pytest

from serving.client.pieces import PiecewiseCall


class TooLarge(grpc.RpcError):
    def __init__(self, code, details):
        self._code, self._details = code, details

    def code(self):
        return self._code

    def details(self):
        return self._details


class FakeServer:
    """Doubles rows, up to `limit` of them; remembers what it saw."""

    def __init__(self, limit=10**9, error=None):
        self.limit = limit
        self.error = error or TooLarge(
            grpc.StatusCode.INVALID_ARGUMENT,
            "Task size 9 is larger than maximum input batch size 4",
        )
        self.sizes, self.under_way, self.most, self.cancelled = [], 0, 0, 0

    def send(self, part):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.sizes.append(len(part["x"]))
        return self

    def receive(self, future, part, first_row):
        self.under_way -= 1
        if len(part["x"]) > self.limit:
            raise self.error
        assert part["x"][0] == first_row
        return {"y": 2 * part["x"]}

    def cancel(self):
        self.cancelled += 1

    def pieces(self, max_rows=64, max_bytes=1 << 20, window=2):
        return PiecewiseCall(self.send, self.receive, max_rows, max_bytes, window)


def run(pieces, rows):
    seen = []
    result = pieces.run({"x": np.arange(rows)}, seen.append)["y"]
    np.testing.assert_array_equal(result, 2 * np.arange(rows))
    assert sum(seen) == rows


@pytest.mark.parametrize(
    ("rows", "limits", "sizes"),
    [
        (3, {}, [3]),
        (130, {}, [64, 64, 2]),
        (10, {"max_rows": 4}, [4, 4, 2]),
        (10, {"max_bytes": 24}, [3, 3, 3, 1]),
        (3, {"max_bytes": 1}, [1, 1, 1]),
    ],
)
def test_splits_by_rows_and_bytes(rows, limits, sizes):
    server = FakeServer()
    run(server.pieces(**limits), rows)
    assert server.sizes == sizes


def test_no_more_under_way_than_the_window():
    server = FakeServer()
    run(server.pieces(max_rows=1, window=3), 20)
    assert server.most == 3


@pytest.mark.parametrize(
    "error",
    [
        None,
        TooLarge(grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 4)"),
        TooLarge(grpc.StatusCode.RESOURCE_EXHAUSTED, "CLIENT: Sent message larger than max"),
    ],
)
@pytest.mark.parametrize("limit", [1, 5])
def test_halves_what_the_server_finds_too_large(error, limit):
    server = FakeServer(limit, error)
    run(server.pieces(), 100)
    assert max(size for size in server.sizes if size <= limit) <= limit


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (1, None),
        (8, TooLarge(grpc.StatusCode.RESOURCE_EXHAUSTED, "out of memory")),
        (8, TooLarge(grpc.StatusCode.INVALID_ARGUMENT, "tensor parsing error: image")),
        (8, TooLarge(grpc.StatusCode.UNAVAILABLE, "full")),
    ],
)
def test_other_errors_and_single_rows_end_it(rows, error):
    server = FakeServer(0, error)
    with pytest.raises(TooLarge):
        server.pieces(max_rows=2).run({"x": np.arange(rows)}, lambda _: None)
    assert server.cancelled == server.under_way
