"""The embedded server's REST API under load, and what strangers send over HTTP."""

import contextlib
import gzip
import http.client
import json
import socket
import threading
import time
import zlib

import numpy as np
import pytest

from serving.embedded.config import ServerConfig
from serving.embedded.server import EmbeddedServer
from tests.serving.raw_calls import RawStubs, sample_request
from tests.serving.rest_calls import RestCalls
from tests.serving.toy_glow import ToyGlow

PREDICT = "/v1/models/glow:predict"
GOOD = {"instances": [{"seed": 1, "temperature": 0.7}]}


@pytest.fixture
def rest(server):
    return RestCalls(server.rest_address)


def head(length: int, *more: str) -> bytes:
    lines = [f"POST {PREDICT} HTTP/1.1", "Host: glow", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


@contextlib.contextmanager
def connected(rest):
    host, port = rest.address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def answered(connection) -> tuple[int, dict]:
    """The answer on a connection."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, json.loads(answer.read())


# What is too much.


def test_a_body_that_is_announced_too_large_is_not_read(rest):
    with connected(rest) as connection:
        connection.sendall(head(10**12))
        status, answer = answered(connection)
    assert status == 413
    assert answer["error"].startswith("Received message larger than max (1000000000000 vs. ")


@pytest.mark.parametrize(
    "headers, body",
    [
        # Of unknown length, by pieces.
        ({"Transfer-Encoding": "chunked"}, b"100000\r\n" + b" " * 2**20 + b"\r\n"),
        # 10 KB that hold 10 MB.
        ({"Content-Encoding": "gzip"}, gzip.compress(b" " * 10_000_000)),
    ],
)
def test_a_body_that_turns_out_too_large_is_not_kept(serve, toy_base, headers, body):
    server = serve(toy_base, rest_api_port=0, max_request_bytes=2**16)
    with connected(RestCalls(server.rest_address)) as connection:
        lines = [
            f"POST {PREDICT} HTTP/1.1",
            "Host: glow",
            *(f"{k}: {v}" for k, v in headers.items()),
        ]
        if "Transfer-Encoding" not in headers:
            lines.append(f"Content-Length: {len(body)}")
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        status, answer = answered(connection)
    assert status == 413 and "larger than max" in answer["error"]


def test_the_largest_body_follows_from_the_model(rest, server):
    """64 KiB of everything else, and 1,024 rows of 48 numbers and 64 KiB."""
    limit = 2**16 + 1024 * (2**16 + 48 * 32)
    assert limit > ServerConfig.max_request_bytes
    with connected(rest) as connection:
        connection.sendall(head(ServerConfig.max_request_bytes + 1))
        assert answered(connection)[0] == 413


@pytest.mark.parametrize(
    "body, message",
    [
        (b'{"instances": ' + b"[" * 60_000, "nested too deeply"),
        (b'{"instances": [' + b"1," * 2000 + b"1]}", "larger than maximum input batch size 1024"),
        (b'{"instances": [[' + b"1," * 200_000 + b"1]]}", "which no row of the model needs"),
        (b'{"a": "' + b"x" * 500_000 + b'", "instances": [1]}', "which no row of the model needs"),
        (b"{" + b'"a": 1,' * 100_000 + b'"b": 1}', "more than 64 members"),
    ],
)
def test_bodies_that_would_take_long_are_refused(rest, body, message):
    status, answer = rest.predict(body)
    assert status == 400 and message in answer["error"]
    assert rest.predict(GOOD)[0] == 200


def test_a_request_may_be_compressed_and_say_it_wrongly(rest):
    body = gzip.compress(json.dumps(GOOD).encode())
    headers = {"Content-Encoding": "gzip"}
    assert rest.call("POST", PREDICT, body, headers) == rest.predict(GOOD)
    for wrong in (b"\x1f\x8bno", b"", body[:-1], body + body):
        status, answer = rest.call("POST", PREDICT, wrong, headers)
        assert status == 400 and "Content-Encoding" in answer["error"]
    status, answer = rest.call("POST", PREDICT, body, {"Content-Encoding": "br"})
    assert status == 400 and "got 'br'" in answer["error"]


def test_what_is_packed_far_too_small_is_not_unpacked(rest):
    packer = zlib.compressobj(wbits=31)
    # A gigabyte in one megabyte, the same piece again and again.
    first, piece = (
        packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    started = time.process_time()
    status, _ = rest.call("POST", PREDICT, first + 1000 * piece, {"Content-Encoding": "gzip"})
    assert status == 413
    assert rest.get()[0] == 200
    # All of it would take over a second, on the loop or off it.
    assert time.process_time() - started < 0.5


def test_no_rows_are_answered_with_none(rest):
    answer = rest.columns("sample", {"seed": [], "temperature": []})
    assert answer == {"image": [], "latent": [], "valid": []}


# Clients that are slow, or leave.


def test_a_request_that_does_not_come_ends_at_its_deadline(serve, toy_base):
    server = serve(toy_base, rest_api_port=0, rest_api_timeout_in_ms=300)
    rest = RestCalls(server.rest_address)
    with connected(rest) as connection:
        connection.sendall(head(1000) + b'{"inst')
        status, answer = answered(connection)
    assert status == 504
    assert answer == {"error": "the deadline passed before the request was whole"}
    assert rest.get()[0] == 200


def test_a_slow_request_holds_no_version(serve, tmp_path):
    ToyGlow().save(tmp_path, 1)
    rest = RestCalls(serve(tmp_path, rest_api_port=0).rest_address)
    body = json.dumps(GOOD).encode()
    with connected(rest) as connection:
        connection.sendall(head(len(body)) + body[:5])
        ToyGlow(tint=20).save(tmp_path, 2)
        end = time.monotonic() + 20
        while (
            rest.get("/v1/models/glow/versions/1")[1]["model_version_status"][0]["state"] != "END"
        ):
            assert time.monotonic() < end
            time.sleep(0.05)
        connection.sendall(body[5:])
        status, answer = answered(connection)
    assert status == 200
    assert rest.predict(GOOD) == (200, answer)


@pytest.mark.slow
def test_a_client_that_leaves_ends_its_request(serve, tmp_path):
    ToyGlow(work=150).save(tmp_path, 1)
    server = serve(tmp_path, rest_api_port=0, enable_model_warmup=False)
    rest = RestCalls(server.rest_address)
    body = json.dumps({"signature_name": "decode", "instances": [[0.0] * 48] * 8}).encode()
    with connected(rest) as connection:
        connection.sendall(head(len(body)) + body)
        time.sleep(0.2)
    end = time.monotonic() + 20
    value = None
    while not value:
        assert time.monotonic() < end
        time.sleep(0.05)
        labels = {"signature": "decode", "code": "CANCELLED"}
        value = server.metrics.registry.get_sample_value("glow_serving_requests_total", labels)


@pytest.mark.slow
def test_a_stopping_server_answers_what_has_arrived(serve, tmp_path):
    ToyGlow(work=100).save(tmp_path, 1)
    server = serve(tmp_path, rest_api_port=0, enable_model_warmup=False)
    rest = RestCalls(server.rest_address)
    rows = [{"seed": seed, "temperature": 0.7} for seed in range(8)]
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(rest.predict({"instances": rows})))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert server.stop(30.0)
    for thread in threads:
        thread.join()
    assert [(status, len(answer["predictions"])) for status, answer in answers] == [(200, 8)] * 3
    with pytest.raises(ConnectionRefusedError):
        rest.get()


# The same scheduler, the same counts.


def test_both_protocols_give_the_same(server, rest):
    columns = rest.columns("sample", {"seed": [1, 2, 3], "temperature": [0.7] * 3})
    with RawStubs(server.address) as stubs:
        answer = stubs.predict(sample_request([1, 2, 3]))
    latent = np.frombuffer(answer.outputs["latent"].tensor_content, np.float32).reshape(3, -1)
    np.testing.assert_array_equal(np.array(columns["latent"], np.float32), latent)
    image = np.frombuffer(answer.outputs["image"].tensor_content, np.uint8).reshape(3, 4, 4, 3)
    np.testing.assert_array_equal(columns["image"], image)


@pytest.mark.parametrize(
    "body, labels",
    [
        (GOOD, ("serving_default", "OK")),
        ({**GOOD, "signature_name": "paint"}, ("unknown", "INVALID_ARGUMENT")),
        ({"instances": [{"seed": 1}]}, ("serving_default", "INVALID_ARGUMENT")),
    ],
)
def test_requests_are_counted(server, rest, body, labels):
    def count():
        values = dict(zip(("signature", "code"), labels, strict=True))
        registry = server.metrics.registry
        return registry.get_sample_value("glow_serving_requests_total", values) or 0.0

    before = count()
    rest.predict(body)
    assert count() == before + 1


@pytest.mark.slow
def test_a_full_queue_and_a_passed_deadline(serve, tmp_path):
    ToyGlow(work=200).save(tmp_path, 1)
    server = serve(
        tmp_path, rest_api_port=0, rest_api_timeout_in_ms=1000, max_waiting_requests=2,
        enable_model_warmup=False,
    )  # fmt: skip
    rest = RestCalls(server.rest_address)
    rows = [{"seed": seed, "temperature": 0.7} for seed in range(64)]
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(rest.predict({"instances": rows})))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = {status: answer.get("error") for status, answer in answers}
    assert set(errors) <= {200, 503, 504} and {503, 504} <= set(errors)
    assert "scheduling queue" in errors[503]


# The port.


def test_other_origins_may_read_only_where_a_flag_allows_it(serve, toy_base, rest):
    def allowed(address, method="GET"):
        connection = http.client.HTTPConnection(address, timeout=20)
        connection.request(method, "/v1/models/glow")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers.get("Access-Control-Allow-Origin")

    assert allowed(rest.address) == (200, None)
    assert allowed(rest.address, "OPTIONS") == (400, None)
    server = serve(toy_base, rest_api_port=0, rest_api_enable_cors_support=True)
    assert allowed(server.rest_address) == (200, "*")
    assert allowed(server.rest_address, "OPTIONS") == (200, "*")


def test_what_is_no_http_and_other_paths(rest, server):
    with connected(rest) as connection:
        connection.sendall(b"\x16\x03\x01 no http\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.")
    assert rest.get("/")[0] == rest.get("/metrics")[0] == 404
    assert rest.get()[0] == 200


def test_a_taken_port_is_said(server, toy_base):
    port = int(server.rest_address.rpartition(":")[-1])
    with pytest.raises(ValueError, match=f"127.0.0.1:{port} for REST: .*; --rest_api_port takes"):
        EmbeddedServer(ServerConfig(toy_base, port=0, rest_api_port=port))


def test_without_the_flag_there_is_none(serve, toy_base):
    assert serve(toy_base).rest_address is None
