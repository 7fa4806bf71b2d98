import argparse

import grpc
import pytest

from benchmarks.serving import flood
from benchmarks.serving.hostile_requests import largest, measure, messages, print_report
from serving.embedded.config import ServerConfig
from serving.embedded.server import EmbeddedServer
from tests.serving.toy_glow import ToyGlow

pytestmark = pytest.mark.slow

GOOD = {"small", "largest", "largest_typed"}


class Served(EmbeddedServer):
    """A server in this process, with what the script asks of one in another."""

    def resident_mib(self):
        return 1.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    base = tmp_path_factory.mktemp("toy")
    ToyGlow(image_shape=(4, 4, 5)).save(base, 1)  # Without pictures, whose files may be large.
    server = Served(ServerConfig(base, port=0))
    server.start()
    yield server
    server.stop(5)


def test_messages_are_the_largest_that_are_let_in(server):
    limit = largest(server.address)
    kinds = messages(server.address)
    assert len(kinds["beyond"]) > 40e6
    with grpc.insecure_channel(server.address, flood.OPTIONS) as channel:
        call = channel.unary_unary(flood.METHOD)
        for name, message in kinds.items():
            if name in GOOD:
                call(message, timeout=20)
                assert len(message) <= limit
                continue
            with pytest.raises(grpc.RpcError) as caught:
                call(message, timeout=20)
            if name == "beyond":
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            else:
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
                assert 0.98 * limit < len(message) <= limit, name
    assert len(kinds["largest"]) > 0.7 * limit


def test_it_measures_under_load(server, capsys):
    kinds = messages(server.address)
    args = argparse.Namespace(clients=2, seconds=0.5)
    row = measure(server, kinds["small"], kinds["inputs"], args)
    assert row["codes"].keys() == {"INVALID_ARGUMENT"}
    assert 0 < row["health_ms"][0] <= row["worst_ms"] and row["small_ms"][0] > 0
    print_report({"inputs": row})
    assert "INVALID_ARGUMENT" in capsys.readouterr().out.splitlines()[1]
