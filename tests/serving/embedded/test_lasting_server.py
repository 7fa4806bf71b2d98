"""Calls that end grpcio's own server; the embedded one lives on."""

import logging
import socket
import struct
import time
from collections.abc import Callable

import grpc
import pytest
from google.protobuf import message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from tests.serving.raw_calls import RawStubs, sample_request
from tests.serving.toy_glow import ToyGlow

pytestmark = pytest.mark.slow

HEADERS, SETTINGS, END_HEADERS = 1, 4, 4


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """An HTTP/2 frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def call_headers(path: bytes) -> bytes:
    """A call's headers, each in full."""
    headers = {b":method": b"POST", b":scheme": b"http", b":path": path, b":authority": b"x"}
    headers |= {b"content-type": b"application/grpc", b"te": b"trailers"}
    return b"".join(
        b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value
        for name, value in headers.items()
    )


def send_path(port: int, path: bytes) -> None:
    """A call of a method that no gRPC library would ask for; returns when it is answered."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + frame(SETTINGS, 0, 0, b"")
            + frame(HEADERS, END_HEADERS, 1, call_headers(path))
        )
        received = b""
        while b"grpc-status" not in received:
            part = connection.recv(4096)
            if not part:
                return
            received += part


def answer_of(method: Callable, request: message.Message) -> message.Message:
    """A method's answer, asked for again while the server that ends takes the call and cancels it,
    as our client does."""
    for _ in range(20):
        try:
            return method(request, wait_for_ready=True, timeout=30)
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE):
                raise
            time.sleep(0.05)
    raise AssertionError("no answer")


def test_a_method_that_is_no_text(serve, tmp_path, caplog):
    ToyGlow(work=200).save(tmp_path, 1)
    server = serve(tmp_path)
    with RawStubs(server.address) as stubs:
        stubs.predict(sample_request([1]))
        for path in (b"/\xff", b"/tensorflow.serving.PredictionService/Predict\xe9", b"\x80" * 90):
            under_way = stubs.predictions.Predict.future(sample_request([1, 2]), timeout=30)
            time.sleep(0.05)  # It arrives.
            send_path(server.port, path)
            # What was under way is answered, and so is what comes next.
            assert under_way.result().outputs
            assert answer_of(stubs.predictions.Predict, sample_request([3])).outputs
    assert "Traceback" not in caplog.text
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("serving.") and record.levelno >= logging.WARNING
    ]
    assert lines == [
        "gRPC's server ended (UnicodeDecodeError); the next one goes on",
        "Task exception was never retrieved: UnicodeDecodeError",
    ]


def test_it_still_stops(serve, toy_base):
    server = serve(toy_base)
    send_path(server.port, b"/\xff")
    with grpc.insecure_channel(server.address) as channel:
        answer_of(health_pb2_grpc.HealthStub(channel).Check, health_pb2.HealthCheckRequest())
    assert server.stop(10)
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.FutureTimeoutError):
        grpc.channel_ready_future(channel).result(0.5)


def test_no_method_is_registered(serve, toy_base, monkeypatch):
    # The call that a registered method waits for is written to memory that is free by then.
    def refuse(*_):
        raise AssertionError("a method was registered")

    monkeypatch.setattr(grpc.aio.Server, "add_registered_method_handlers", refuse)
    server = serve(toy_base)
    with grpc.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        services = ServerReflectionStub(channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        )
        names = [service.name for service in next(services).list_services_response.service]
    assert "grpc.health.v1.Health" in names
    assert "tensorflow.serving.PredictionService" in names
