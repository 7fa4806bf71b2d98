"""TF Serving's configuration and deployment files: their schemas, and what they must grant."""

import copy
import http.server
import itertools
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import kubernetes_validate
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
    # The client never sends more rows than a batch has.
    flags = client_parser().parse_args(["status"])
    assert flags.batch_size <= config.max_batch_size


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_nothing_asks_tf_serving_to_pad(path):
    """It pads with a batch's first row, and its process ends over a batch that has none."""
    lines = [line for line in path.read_text().splitlines() if not line.strip().startswith("#")]
    for name in ("allowed_batch_sizes", "pad_variable_length_inputs"):
        assert not any(name in line for line in lines)
    if any("--enable_batching=true" in line for line in lines):
        # Without the file TF Serving takes its own parameters, which pad nothing either, but a
        # file of another place might.
        given = "--batching_parameters_file=/etc/tf_serving/batching_parameters.txt"
        assert any(given in line for line in lines)


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
    assert compose["ports"] == ["127.0.0.1:8500:8500"]
    models, *files = compose["volumes"]
    assert models.startswith("${EXPORT_DIR:?") and models.endswith(":/models/glow:ro")
    for name, volume in zip(TEXT_PROTOS, files, strict=True):
        assert volume == f"./{name}:/etc/tf_serving/{name}:ro"
        assert (FOLDER / name).exists()


def test_weights_are_said_to_be_constant(compose, container):
    name = "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"
    assert compose["environment"] == {name: "1"}
    assert container["env"] == [{"name": name, "value": "1"}]


def follows_compose(path):
    """Whether a file is right by the Compose Specification's schema, and what is wrong."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema=vendor.compose-spec"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def test_compose_follows_its_schema(tmp_path):
    right, said = follows_compose(FOLDER / "docker-compose.yml")
    assert right, said
    text = (FOLDER / "docker-compose.yml").read_text()
    assert text.count("    read_only: true") == 1
    (tmp_path / "wrong.yml").write_text(text.replace("    read_only: true", "    readonly: true"))
    right, said = follows_compose(tmp_path / "wrong.yml")
    assert not right and "'readonly' was unexpected" in said


def test_kubernetes_follows_its_schema(manifests):
    newest = kubernetes_validate.latest_version()
    oldest = re.search(r"Kubernetes ([\d.]+) or later", (FOLDER / "kubernetes.yaml").read_text())
    for manifest in manifests.values():
        for version in (f"{oldest[1]}.0", newest):
            kubernetes_validate.validate(manifest, version, strict=True)
    wrong = copy.deepcopy(manifests["PodDisruptionBudget"])
    wrong["spec"]["maxUnavailble"] = wrong["spec"].pop("maxUnavailable")
    with pytest.raises(kubernetes_validate.ValidationError, match="maxUnavailble"):
        kubernetes_validate.validate(wrong, newest, strict=True)


def test_an_image_has_a_digest_or_says_why_not():
    for name in ("docker-compose.yml", "kubernetes.yaml"):
        lines = (FOLDER / name).read_text().splitlines()
        images = [i for i, line in enumerate(lines) if line.strip().startswith("image:")]
        assert images
        for i in images:
            comment = itertools.takewhile(
                lambda line: line.strip().startswith("#"), reversed(lines[:i])
            )
            assert "@sha256:" in lines[i] or any("# No digest: " in line for line in comment)
            assert ":latest" not in lines[i]


def test_compose_gives_no_rights(compose):
    user, group = map(int, compose["user"].split(":"))
    assert user >= 1000 and group >= 1000
    assert compose["read_only"] is True
    assert compose["cap_drop"] == ["ALL"] and "cap_add" not in compose
    assert compose["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(compose)
    assert all(volume.endswith(":ro") for volume in compose["volumes"])
    limits = compose["deploy"]["resources"]["limits"]
    assert limits["memory"] == "8g" and limits["pids"] > 0
    # What may be written is in memory and small, and the log does not grow for ever.
    (tmpfs,) = compose["tmpfs"]
    place, _, options = tmpfs.partition(":")
    assert place == "/tmp" and {"size=16m", "noexec", "nosuid"} <= set(options.split(","))
    assert {"max-size", "max-file"} <= set(compose["logging"]["options"])


def test_kubernetes_gives_no_rights(manifests, container):
    """The Pod Security Standard "restricted", and what it leaves open."""
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] >= 1000 and security["runAsGroup"] >= 1000
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for kind in ("requests", "limits"):
        assert {"memory", "ephemeral-storage"} <= set(container["resources"][kind])
    writable = {m["name"] for m in container["volumeMounts"] if not m.get("readOnly")}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert [volumes[name].keys() for name in writable] == [{"name", "emptyDir"}]
    assert all("sizeLimit" in volumes[name]["emptyDir"] for name in writable)
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_rest_is_offered_to_nobody_but_prometheus(compose, manifests):
    """The health check inside of the container asks it, and no client."""
    assert not any("8501" in port for port in compose["ports"])
    assert [port["name"] for port in manifests["Service"]["spec"]["ports"]] == ["grpc"]
    policy = manifests["NetworkPolicy"]["spec"]
    (scraper,) = [
        r for r in policy["ingress"] if r["ports"] == [{"protocol": "TCP", "port": "rest"}]
    ]
    assert scraper["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]


def test_the_network_is_closed_but_for_clients(manifests):
    policy = manifests["NetworkPolicy"]["spec"]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"] and policy["egress"] == []
    # A rule without `from` or `ports` lets everybody in, or to everything.
    assert all(rule["from"] and rule["ports"] for rule in policy["ingress"])
    assert all(peer for rule in policy["ingress"] for peer in rule["from"])


def test_replicas_go_one_by_one_and_apart(manifests):
    deployment = manifests["Deployment"]["spec"]
    labels = deployment["selector"]["matchLabels"]
    for kind, name in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        assert manifests[kind]["spec"][name] == {"matchLabels": labels}
    budget = manifests["PodDisruptionBudget"]["spec"]
    assert budget["maxUnavailable"] < manifests["HorizontalPodAutoscaler"]["spec"]["minReplicas"]
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    keys = [constraint["topologyKey"] for constraint in spread]
    assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert all(constraint["labelSelector"] == {"matchLabels": labels} for constraint in spread)


def test_kubernetes_carries_the_files_word_for_word(manifests):
    data = manifests["ConfigMap"]["data"]
    assert data == {name: (FOLDER / name).read_text() for name in TEXT_PROTOS}


def test_kubernetes_has_what_it_takes(manifests, container):
    assert set(manifests) == {
        "ConfigMap", "PersistentVolumeClaim", "Deployment", "Service", "NetworkPolicy",
        "PodDisruptionBudget", "HorizontalPodAutoscaler",
    }  # fmt: skip
    check_flags(container["args"])
    assert container["resources"]["requests"]["cpu"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"models": "/models/glow", "config": "/etc/tf_serving", "tmp": "/tmp"}
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
