"""Health, reflection and metrics."""

import urllib.request

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from serving.client import GlowClient
from serving.embedded.config import BatchingConfig
from tests.serving.raw_calls import RawStubs, predict_request, refusal, sample_request
from tests.serving.toy_glow import ToyGlow

SERVING, NOT_SERVING = 1, 2


def health(address: str, service: str) -> int:
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status


@pytest.mark.parametrize("service", ["", "glow", "tensorflow.serving.PredictionService"])
def test_health_follows_the_model(serve, server, tmp_path, service):
    assert health(server.address, service) == SERVING
    assert health(serve(tmp_path).address, service) == NOT_SERVING


def test_health_of_an_unknown_service(server):
    code, _ = refusal(health, server.address, "other")
    assert code is grpc.StatusCode.NOT_FOUND


def test_reflection_describes_the_services(server):
    with grpc.insecure_channel(server.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {
            "tensorflow.serving.PredictionService",
            "tensorflow.serving.ModelService",
            "grpc.health.v1.Health",
        } <= set(database.get_services())
        pool = DescriptorPool(database)
        methods = pool.FindServiceByName("tensorflow.serving.PredictionService").methods_by_name
        assert "Predict" in methods


def test_metrics(serve, toy_base, tmp_path):
    server = serve(toy_base, metrics_port=0, batching=BatchingConfig(8, 0))
    with RawStubs(server.address) as stubs:
        stubs.predict(sample_request())
        stubs.predict(sample_request(range(8)))
        stubs.predict(sample_request([1], [-1.0]))
        refusal(stubs.predict, sample_request([1], [0.5, 0.5]))
        refusal(stubs.predict, predict_request("invented by a stranger"))
    with GlowClient(server.address) as client:
        client.status()
    url = f"http://127.0.0.1:{server.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as response:
        lines = response.read().decode().splitlines()
    for line in (
        'glow_serving_requests_total{code="OK",signature="sample"} 3.0',
        'glow_serving_requests_total{code="INVALID_ARGUMENT",signature="sample"} 1.0',
        'glow_serving_requests_total{code="FAILED_PRECONDITION",signature="unknown"} 1.0',
        'glow_serving_requests_total{code="OK",signature="GetModelStatus"} 1.0',
        'glow_serving_request_seconds_count{signature="sample"} 4.0',
        # The bad row ran too, and was answered: only the graph knows that it is bad.
        'glow_serving_batch_rows_sum{signature="sample"} 12.0',
        'glow_serving_version_state{state="AVAILABLE",version="1"} 1.0',
        "glow_serving_version 1.0",
    ):
        assert line in lines
    assert not any("stranger" in line for line in lines)
    with pytest.raises(
        ValueError, match=f":{server.metrics_port} .*; --metrics_port takes another"
    ):
        serve(toy_base, metrics_port=server.metrics_port)


def test_metrics_show_a_version_that_failed(serve, tmp_path):
    ToyGlow().save(tmp_path, 1)
    (tmp_path / "2").mkdir()
    registry = serve(tmp_path).metrics.registry
    labels = {"version": "2", "state": "END"}
    assert registry.get_sample_value("glow_serving_version_state", labels) == 1
    assert registry.get_sample_value("glow_serving_version") == 1
