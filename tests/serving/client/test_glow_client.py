"""Deadlines, retries and large messages."""

import re
import socket
import time
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from export.exporting import export_run
from serving import client as client_package
from serving.client import GlowClient, ServingError
from serving.embedded.config import BatchingConfig
from tests.export.models import random_config
from tests.random_glow import random_glow
from tests.serving.toy_glow import ToyGlow, toy_latent
from tfglow.runs.run_folder import RunFolder

pytestmark = pytest.mark.slow


class Moody(
    model_service_pb2_grpc.ModelServiceServicer,
    prediction_service_pb2_grpc.PredictionServiceServicer,
):
    """Refuses a number of calls with a code, then answers."""

    def __init__(self):
        self.code, self.refusals, self.calls, self.delay = None, 0, 0, 0.0

    def GetModelStatus(self, request, context):
        self.calls += 1
        time.sleep(self.delay)
        if self.calls <= self.refusals:
            context.abort(self.code, "in a mood")
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=1, state=30)
        return response

    def GetModelMetadata(self, request, context):
        return get_model_metadata_pb2.GetModelMetadataResponse()


@pytest.fixture
def moody():
    server = grpc.server(futures.ThreadPoolExecutor(4))
    service = Moody()
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    service.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield service
    server.stop(0).wait()


def test_the_package_gives_what_it_lists_and_is_no_script():
    assert Path(client_package.__file__).name == "__init__.py"
    assert all(isinstance(getattr(client_package, name), type) for name in client_package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Painter'"):
        client_package.Painter  # noqa: B018


UNAVAILABLE, CANCELLED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED


@pytest.mark.parametrize("code", [UNAVAILABLE, CANCELLED])
def test_what_a_stopping_server_drops_is_repeated(moody, code):
    moody.code, moody.refusals = code, 2
    with GlowClient(moody.address) as client:
        started = time.monotonic()
        assert client.status()[0].state == "AVAILABLE"
    assert moody.calls == 3
    assert time.monotonic() - started > 1.3  # It backed off: 0.5 s and 1.25 s, less a fifth.


def test_a_server_that_comes_late_is_found(serve, toy_base):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with GlowClient(f"127.0.0.1:{port}") as client, futures.ThreadPoolExecutor(1) as thread:
        early = thread.submit(client.sample, 1)
        time.sleep(3)
        serve(toy_base, port=port)
        assert early.result(20).shape == (1, 4, 4, 3)


@pytest.mark.parametrize(
    ("code", "words"), [(UNAVAILABLE, "is unavailable"), (CANCELLED, "cancelled the call")]
)
def test_not_for_ever(moody, code, words):
    moody.code, moody.refusals = code, 100
    with (
        GlowClient(moody.address, retries=1) as client,
        pytest.raises(ServingError, match=rf"{words} after 2 tries: in a mood") as caught,
    ):
        client.status()
    assert moody.calls == 2 and caught.value.code is code


def test_not_at_all(moody):
    moody.code, moody.refusals = UNAVAILABLE, 1
    with (
        GlowClient(moody.address, retries=0) as client,
        pytest.raises(ServingError, match="after one try"),
    ):
        client.status()
    assert moody.calls == 1


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.NOT_FOUND,
    ],
)
def test_nothing_else_is_repeated(moody, code):
    moody.code, moody.refusals = code, 1
    with GlowClient(moody.address) as client, pytest.raises(ServingError, match="in a mood"):
        client.status()
    assert moody.calls == 1


def test_the_deadline_holds(moody):
    moody.delay = 1.0
    with GlowClient(moody.address, timeout=0.2) as client:
        started = time.monotonic()
        with pytest.raises(ServingError, match="did not answer within the deadline"):
            client.status()
        assert time.monotonic() - started < 0.9


def test_a_server_of_another_model_is_refused(moody):
    with GlowClient(moody.address) as client, pytest.raises(ServingError, match="no signature"):
        client.sample(1)


def test_nobody_there():
    with (
        GlowClient("localhost:1", retries=0) as client,
        pytest.raises(ServingError, match=r"localhost:1 is unavailable after one try: .*refused"),
    ):
        client.sample(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": 1, "version_label": "x"}, "must not be given together, got 1 and 'x'"),
        ({"retries": 5}, "`retries` must be between 0 and 4, got 5"),
        ({"timeout": 0}, "`timeout` must be more than 0, got 0"),
        ({"timeout": float("inf")}, "`timeout` must be at most 1000000000, got inf"),
        ({"timeout": float("nan")}, "`timeout` must be more than 0, got nan"),
        ({"version": -1}, "`version` must be an integer from 0 to 2⁶³ − 1, got -1"),
        (
            {"version": 2**63},
            "`version` must be an integer from 0 to 2⁶³ − 1, got 9223372036854775808",
        ),
        ({"batch_size": -1}, "`batch_size` must be more than 0, got -1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        GlowClient(**arguments)


def test_a_version_that_is_asked_for(server):
    with GlowClient(server.address, version=1) as client:
        assert client.sample(1).shape == (1, 4, 4, 3)
    with GlowClient(server.address, version=9) as client:
        assert client.status()[0].version == 1
        with pytest.raises(ServingError, match=r"Specific\(glow, 9\)"):
            client.sample(1)
    with (
        GlowClient(server.address, version_label="stable") as client,
        pytest.raises(ServingError, match="Unrecognized servable version label: stable"),
    ):
        client.sample(1)


def test_large_images_and_many_rows(serve, tmp_path):
    """Messages far beyond grpcio's 4 MiB, and more rows than the server's batches hold."""
    ToyGlow((128, 128, 3)).save(tmp_path, 1)
    server = serve(tmp_path, batching=BatchingConfig(16, 1000))
    images = np.random.default_rng(0).integers(0, 256, (80, 128, 128, 3), dtype=np.uint8)
    with GlowClient(server.address) as client:
        np.testing.assert_array_equal(client.reconstruct(images), images)
    # A server that takes less than a request of 64 rows is found out, too.
    small = serve(tmp_path, grpc_channel_arguments=(("grpc.max_receive_message_length", 300_000),))
    with GlowClient(small.address) as client:
        assert client.encode(images).latent.shape == (80, 49152)


@pytest.fixture(scope="module")
def exported_base(tmp_path_factory):
    """The export of a Glow of five channels, as `export/main.py` writes it."""
    folder = tmp_path_factory.mktemp("exported")
    config = random_config(image_shape=(8, 4, 5), levels=1, steps=1)
    run = RunFolder.create(folder / "run", {"model": config.to_dict(), "dataset": "digits"})
    run.save_glow(random_glow(config), None, step=1)
    export_run(run.path, folder / "exports", raw_weights=True)
    return folder / "exports"


@pytest.mark.parametrize("kind", ["toy", pytest.param("exported", marks=pytest.mark.slow)])
def test_without_sample_png_all_else_works(serve, five_channel_base, request, kind):
    """Images of five channels, which no PNG holds: such a model is exported without it."""
    toy = kind == "toy"
    base = five_channel_base if toy else request.getfixturevalue("exported_base")
    with GlowClient(serve(base).address, batch_size=4) as client:
        model = client.metadata()
        assert "sample_png" not in model.signatures and model.image_shape[-1] == 5
        shape = (6, *model.image_shape)
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        encoding = client.encode(images)
        assert encoding.latent.shape == (6, model.dimensions)
        if toy:
            np.testing.assert_array_equal(encoding.latent, toy_latent(images))
        np.testing.assert_array_equal(client.decode(encoding.latent), images)
        np.testing.assert_array_equal(client.reconstruct(images), images)
        samples = client.sample(6, 0.7, seed=3)
        assert samples.shape == shape and samples.dtype == np.uint8
        difference = samples[5].astype(int) - client.sample(1, 0.7, seed=8)[0]
        assert np.abs(difference).max() <= 1
        strip = client.interpolate(images[0], images[1], 3)
        np.testing.assert_array_equal(strip[[0, -1]], images[:2])
        sentence = (
            "the model 'glow' has no `sample_png`: a PNG holds 1 to 4 channels, its images have 5; "
            "`sample` draws them as arrays"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
            client.sample_png(1)


@pytest.mark.parametrize(
    "address",
    ["", ":", ":8500", "localhost", "localhost:", "localhost:x", "localhost:0", "localhost:65536",
     "localhost:8500 ", "local host:8500", "http://localhost:8500", "localhost:8500/v1", "::1:8500",
     "localhost:８５００", "localhost:" + "9" * 5000],
)  # fmt: skip
def test_what_is_no_address_is_refused_at_once(address):
    with pytest.raises(
        ValueError, match=r"^the server must be host:port, as localhost:8500, got '"
    ):
        GlowClient(address)


@pytest.mark.parametrize(
    "address", ["localhost:1", "10.0.0.1:8500", "[::1]:8500", "a.b-c_d:65535", "unix:/run/glow",
                "dns:///glow.svc:8500", "ipv4:10.0.0.1:8500"],
)  # fmt: skip
def test_grpcs_addresses_are_taken(address):
    GlowClient(address).close()
