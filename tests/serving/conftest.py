"""Toy models, embedded servers on them, and every kind of server that the client must work with.

Servers are a module's own: each looks for versions twenty times a second and gives memory back,
which slowed all later tests of a process that kept them.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from serving.client import GlowClient
from serving.embedded.config import ServerConfig
from serving.embedded.server import EmbeddedServer
from tests.serving.raw_calls import TF_SERVING_VARIABLE
from tests.serving.rest_calls import TF_SERVING_REST_VARIABLE, RestCalls
from tests.serving.server_process import ServerProcess
from tests.serving.toy_glow import IMAGE_SHAPE, ToyGlow


@pytest.fixture(scope="session")
def toy_base(tmp_path_factory) -> Path:
    """An export base folder with version 1 of an unconditional toy."""
    base = tmp_path_factory.mktemp("toy")
    ToyGlow().save(base, 1)
    return base


@pytest.fixture(scope="session")
def conditional_base(tmp_path_factory) -> Path:
    """The same with three classes."""
    base = tmp_path_factory.mktemp("conditional")
    ToyGlow(num_classes=3).save(base, 1)
    return base


@pytest.fixture(scope="session")
def five_channel_base(tmp_path_factory) -> Path:
    """The same of images that no PNG holds."""
    base = tmp_path_factory.mktemp("five_channels")
    ToyGlow(image_shape=(4, 4, 5)).save(base, 1)
    return base


@pytest.fixture(scope="module")
def serve_for_module():
    """Starts embedded servers in this process: `serve_for_module(base, **fields of the config)`."""
    yield from _servers()


@pytest.fixture
def serve():
    """The same, stopped after the test."""
    yield from _servers()


@pytest.fixture(scope="module")
def server(serve_for_module, toy_base) -> EmbeddedServer:
    """A server of the unconditional toy, without batching, over both protocols."""
    return serve_for_module(toy_base, rest_api_port=0)


@pytest.fixture(scope="module")
def conditional_server(serve_for_module, conditional_base) -> EmbeddedServer:
    """A server of the conditional toy."""
    return serve_for_module(conditional_base, rest_api_port=0)


@pytest.fixture
def client(server):
    """A client of the unconditional toy."""
    with GlowClient(server.address) as connected:
        yield connected


@pytest.fixture(scope="module")
def trained_address(one_epoch, made_once):
    """A server process on the export of a trained run, all by what the commands run."""
    # Here, so that the tests of the toys do not need it.
    from export.exporting import export_run

    with ServerProcess(made_once("exports", lambda base: export_run(one_epoch, base))) as server:
        yield server.address


@pytest.fixture(scope="session")
def scored(made_once) -> Path:
    """A folder with a conditional model's run, its `detector.json`, and `exports` with both."""

    def make(folder):
        import tfglow
        from export.exporting import export_run
        from tests.random_glow import random_glow
        from tfglow.runs.run_folder import RunFolder
        from tfglow.scoring import Detector

        config = tfglow.GlowConfig(
            image_shape=IMAGE_SHAPE, levels=1, steps=1, width=4, num_classes=3
        )
        glow = random_glow(config)
        run = RunFolder.create(folder / "run", {"model": config.to_dict(), "dataset": "digits"})
        run.save_glow(glow, step=1)
        rng = np.random.default_rng(0)
        images = rng.integers(90, 160, (60, *IMAGE_SHAPE)).astype(np.uint8)
        Detector.fit(glow, images, rng.integers(0, 3, 60)).save(folder / "detector.json")
        detector = folder / "detector.json"
        export_run(run.path, folder / "exports", raw_weights=True, detector=detector)

    return made_once("scored", make)


@pytest.fixture(scope="session")
def detector(scored):
    """The detector of that export, in this process."""
    import tfglow
    from tfglow.scoring import Detector

    return Detector.load(scored / "detector.json", tfglow.load_glow(scored / "run", weights="raw"))


@pytest.fixture(scope="module")
def scored_server(serve_for_module, scored) -> EmbeddedServer:
    """A server of that export, over both protocols."""
    return serve_for_module(scored / "exports", rest_api_port=0)


@pytest.fixture(params=["toy", "conditional_toy", "trained", "tf_serving"])
def any_address(request) -> str:
    """host:port of each kind of server; the tests read the model's sizes from its metadata.

    A real TF Serving is used where TFGLOW_TF_SERVING=host:port names one that serves an export
    under the name `glow`.
    """
    if request.param == "tf_serving":
        address = os.environ.get(TF_SERVING_VARIABLE)
        if not address:
            pytest.skip(f"no TF Serving: {TF_SERVING_VARIABLE}=host:port is not set")
        return address
    if request.param == "trained":
        return request.getfixturevalue("trained_address")
    name = {"toy": "server", "conditional_toy": "conditional_server"}[request.param]
    return request.getfixturevalue(name).address


@pytest.fixture(params=["toy", "conditional_toy", "tf_serving"])
def any_rest(request) -> RestCalls:
    """Calls over REST to each kind of server.

    A real TF Serving is used where TFGLOW_TF_SERVING_REST=host:port names the REST port of one that
    serves an export under the name `glow`.
    """
    if request.param == "tf_serving":
        address = os.environ.get(TF_SERVING_REST_VARIABLE)
        if not address:
            pytest.skip(f"no TF Serving: {TF_SERVING_REST_VARIABLE}=host:port is not set")
        return RestCalls(address)
    name = {"toy": "server", "conditional_toy": "conditional_server"}[request.param]
    return RestCalls(request.getfixturevalue(name).rest_address)


@pytest.fixture
def any_client(any_address):
    """A client of each kind of server."""
    with GlowClient(any_address) as connected:
        yield connected


def _servers():
    started = []

    def start(base: Path, **fields) -> EmbeddedServer:
        fields = {"port": 0, "file_system_poll_wait_seconds": 0.05, **fields}
        server = EmbeddedServer(ServerConfig(base, **fields))
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop(5.0)
