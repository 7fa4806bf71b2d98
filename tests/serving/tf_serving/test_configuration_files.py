"""TF Serving's configuration files against their schemas."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import yaml
from google.protobuf import descriptor_pb2, text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.client.cli import client_parser
from serving.embedded.config import BatchingConfig
from serving.embedded.text_protos import message_classes

FOLDER = Path(__file__).resolve().parents[3] / "serving" / "tf_serving"
TEXT_PROTOS = ("models.config", "batching_parameters.txt", "monitoring.config")
# Flags of tensorflow/serving's model_servers/main.cc that the files use.
FLAGS = {
    "--port", "--rest_api_port", "--model_config_file", "--enable_batching",
    "--batching_parameters_file", "--monitoring_config_file", "--enable_model_warmup",
    "--file_system_poll_wait_seconds",
}  # fmt: skip


def test_models():
    text = (FOLDER / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    # What server_core.cc checks: an absolute path, a name, the platform.
    assert (model.name, model.base_path) == ("glow", "/models/glow")
    assert model.model_platform == "tensorflow"
    assert model.model_version_policy.latest.num_versions == 1


def test_batching_parameters():
    config = BatchingConfig.read(FOLDER / "batching_parameters.txt")
    assert config.max_batch_size == config.allowed_batch_sizes[-1]
    # The client never sends more rows than a batch has.
    flags = client_parser().parse_args(["status"])
    assert flags.batch_size <= config.max_batch_size
    # What the comment promises of the padding.
    for rows in range(1, config.max_batch_size + 1):
        padded = next(size for size in config.allowed_batch_sizes if size >= rows)
        assert (padded - rows) / padded <= 1 / 3


def test_monitoring():
    # tensorflow-serving-api has no message for it; these are the public fields of
    # tensorflow/serving's config/monitoring_config.proto.
    kind = descriptor_pb2.FieldDescriptorProto
    classes = message_classes(
        {
            "PrometheusConfig": [
                ("enable", 1, kind.TYPE_BOOL, False),
                ("path", 2, kind.TYPE_STRING, False),
            ],
            "MonitoringConfig": [
                ("prometheus_config", 1, ".tensorflow.serving.PrometheusConfig", False)
            ],
        }
    )
    text = (FOLDER / "monitoring.config").read_text()
    config = text_format.Parse(text, classes["MonitoringConfig"]())
    assert config.prometheus_config.enable
    assert config.prometheus_config.path == "/monitoring/prometheus/metrics"


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]["glow"]


@pytest.fixture(scope="module")
def manifests():
    text = (FOLDER / "kubernetes.yaml").read_text()
    documents = list(yaml.safe_load_all(text))
    return {document["kind"]: document for document in documents}


@pytest.fixture(scope="module")
def container(manifests):
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    return container


def check_flags(flags):
    given = dict(flag.split("=") for flag in flags)
    assert set(given) == FLAGS
    assert given["--port"] == "8500" and given["--rest_api_port"] == "8501"
    assert given["--enable_batching"] == given["--enable_model_warmup"] == "true"
    for flag, name in zip(
        ("--model_config_file", "--batching_parameters_file", "--monitoring_config_file"),
        TEXT_PROTOS,
        strict=True,
    ):
        assert given[flag] == f"/etc/tf_serving/{name}"


def test_compose_serves_the_folder_with_all_files(compose):
    assert "tensorflow/serving" in compose["image"]
    assert compose["entrypoint"] == ["tensorflow_model_server"]
    check_flags(compose["command"])
    assert compose["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    models, *files = compose["volumes"]
    assert models.startswith("${EXPORT_DIR:?") and models.endswith(":/models/glow:ro")
    for name, volume in zip(TEXT_PROTOS, files, strict=True):
        assert volume == f"./{name}:/etc/tf_serving/{name}:ro"
        assert (FOLDER / name).exists()


def test_weights_are_said_to_be_constant(compose, container):
    name = "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"
    assert compose["environment"] == {name: "1"}
    assert container["env"] == [{"name": name, "value": "1"}]


def test_compose_follows_its_schema(tmp_path):
    """Compose's own check, which knows the schema."""
    if shutil.which("docker-compose"):
        command = ["docker-compose"]
    elif (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    ):
        command = ["docker", "compose"]
    else:
        pytest.skip("neither docker-compose nor docker compose is installed")
    check = [*command, "-f", str(FOLDER / "docker-compose.yml"), "config", "-q"]
    environment = {**os.environ, "EXPORT_DIR": str(tmp_path)}
    done = subprocess.run(check, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    environment.pop("EXPORT_DIR")
    done = subprocess.run(check, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert "the folder that export/main.py published to" in done.stderr


def test_kubernetes_follows_its_schema(manifests):
    validator = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    for manifest in manifests.values():
        validator.validate(manifest, validator.latest_version(), strict=True)


def test_kubernetes_carries_the_files_word_for_word(manifests):
    data = manifests["ConfigMap"]["data"]
    assert data == {name: (FOLDER / name).read_text() for name in TEXT_PROTOS}


def test_kubernetes_has_what_it_takes(manifests, container):
    assert set(manifests) == {
        "ConfigMap", "PersistentVolumeClaim", "Deployment", "Service", "HorizontalPodAutoscaler",
    }  # fmt: skip
    check_flags(container["args"])
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"]["memory"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"models": "/models/glow", "config": "/etc/tf_serving"}
    spec = manifests["Deployment"]["spec"]
    volumes = {volume["name"]: volume for volume in spec["template"]["spec"]["volumes"]}
    claim = volumes["models"]["persistentVolumeClaim"]["claimName"]
    assert claim == manifests["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["config"]["configMap"]["name"] == manifests["ConfigMap"]["metadata"]["name"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert manifests["Service"]["spec"]["selector"].items() <= labels.items()
    autoscaler = manifests["HorizontalPodAutoscaler"]["spec"]
    assert autoscaler["scaleTargetRef"]["name"] == manifests["Deployment"]["metadata"]["name"]
    assert 1 < autoscaler["minReplicas"] < autoscaler["maxReplicas"]
    assert "replicas" not in spec
    # SIGTERM comes after the pause, and both fit into the grace period.
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause < spec["template"]["spec"]["terminationGracePeriodSeconds"]


@pytest.fixture
def fake_rest():
    """TF Serving's REST answer for a model's status (http_rest_api_handler.cc); set `.state`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            ok = self.path == "/v1/models/glow"
            status = {"error_code": "OK", "error_message": ""}
            version = {"version": "1", "state": server.state, "status": status}
            body = json.dumps({"model_version_status": [version]})
            self.send_response(200 if ok else 404)
            self.end_headers()
            self.wfile.write(body.encode() if ok else b"{}")

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("source", ["compose", "kubernetes"])
def test_the_readiness_probe_reads_the_models_status(source, compose, container, fake_rest):
    if source == "compose":
        kind, *command = compose["healthcheck"]["test"]
        assert kind == "CMD"
    else:
        command = container["readinessProbe"]["exec"]["command"]
    assert "/8501 " in command[-1]

    def probe(port):
        ported = [part.replace("/8501 ", f"/{port} ") for part in command]
        return subprocess.run(ported, capture_output=True, timeout=10).returncode

    expected = {"AVAILABLE": True, "LOADING": False, "START": False, "END": False}
    for state, ready in expected.items():
        fake_rest.state = state
        assert (probe(fake_rest.server_port) == 0) == ready, state
    assert probe(1) != 0
