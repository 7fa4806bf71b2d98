"""Versions that come and go under a server with clients."""

import ctypes
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serving.client import GlowClient, ServingError
from serving.embedded.config import BatchingConfig, ServerConfig
from serving.embedded.server import EmbeddedServer
from tests.serving.raw_calls import RawStubs, predict_request, sample_request
from tests.serving.toy_glow import ToyGlow, toy_latent
from tests.serving.warmup_file import write_warmup
from tfglow.saved_format import WARMUP_FILE

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("batching", [None, BatchingConfig(16, 1000)], ids=["single", "batched"])
@pytest.mark.slow
def test_a_hot_swap_loses_and_mixes_nothing(serve, tmp_path, batching):
    ToyGlow(tint=1).save(tmp_path, 1)
    server = serve(tmp_path, batching=batching)
    stop, failures, seen = threading.Event(), [], set()

    def ask():
        with GlowClient(server.address, retries=0) as client:
            while not stop.is_set():
                try:
                    latent = client.encode(IMAGES).latent
                except ServingError as error:
                    failures.append(str(error))
                    continue
                tints = [t for t in (1, 2, 3, 4) if np.array_equal(latent, toy_latent(IMAGES, t))]
                seen.update(tints)
                if len(tints) != 1:
                    failures.append("rows of two versions, or of none")
                time.sleep(0.005)  # The load of a version needs the cores, too.

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    with GlowClient(server.address) as client:
        for version in (2, 3, 4):
            wait_until(lambda v=version: v - 1 in seen)
            ToyGlow(tint=version).save(tmp_path, version)
            wait_until(lambda v=version: client.metadata().version == v)
        wait_until(lambda: 4 in seen)
        stop.set()
        for thread in threads:
            thread.join(10)
        assert not failures
        wait_until(lambda: client.status()[1].state == "END")
        states = {state.version: state.state for state in client.status()}
    assert states == {4: "AVAILABLE", 3: "END", 2: "END", 1: "END"}


@pytest.mark.slow
def test_a_version_outlives_the_client_that_left(serve, tmp_path):
    """Nobody waits for its graph any more; it is unloaded when that has run, and not before."""
    base = tmp_path / "base"
    ToyGlow(work=300).save(base, 1)  # A second of work for eight rows.
    second = ToyGlow(tint=2).save(tmp_path / "unpublished", 2)
    server = serve(base)
    registry = server.metrics.registry
    with RawStubs(server.address) as stubs, GlowClient(server.address) as client:
        call = stubs.predictions.Predict.future(sample_request(range(8)))
        time.sleep(0.1)  # The graph runs.
        os.rename(second, base / "2")
        wait_until(lambda: client.metadata().version == 2)
        states = {state.version: state.state for state in client.status()}
        assert states == {2: "AVAILABLE", 1: "UNLOADING"}
        call.cancel()
        np.testing.assert_array_equal(client.encode(IMAGES).latent, toy_latent(IMAGES, 2))
        wait_until(lambda: client.status()[1].state == "END", 30)
    # Only a batch that ran to its end is counted.
    labels = {"signature": "sample"}
    assert registry.get_sample_value("glow_serving_batch_rows_sum", labels) == 8


def test_half_written_versions_leave_the_old_one(serve, tmp_path):
    base = tmp_path / "base"
    whole = ToyGlow(tint=1).save(base, 1)
    server = serve(base, load_retry_interval_micros=100_000)

    def without_graph(folder):
        (folder / "saved_model.pb").unlink()

    def half_a_graph(folder):
        path = folder / "saved_model.pb"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def without_variables(folder):
        shutil.rmtree(folder / "variables")

    def half_the_variables(folder):
        (path,) = (folder / "variables").glob("*.data*")
        path.write_bytes(path.read_bytes()[:3])

    def empty(folder):
        shutil.rmtree(folder)
        folder.mkdir()

    def only_a_file(folder):
        shutil.rmtree(folder)
        folder.write_text("2")

    spoilers = [
        without_graph,
        half_a_graph,
        without_variables,
        half_the_variables,
        empty,
        only_a_file,
    ]
    with GlowClient(server.address) as client:
        for version, spoil in enumerate(spoilers, 2):
            copy = tmp_path / "copy"
            shutil.copytree(whole, copy)
            spoil(copy)
            os.rename(copy, base / str(version))
            wait_until(lambda v=version: any(s.version == v and s.error for s in client.status()))
            failed = next(s for s in client.status() if s.version == version)
            assert failed.state == "END", spoil
            assert f"version {version} in " in failed.error and "\n" not in failed.error
            np.testing.assert_array_equal(client.encode(IMAGES).latent, toy_latent(IMAGES, 1))
        # Completed, the last of them is served without anybody's help.
        (base / "7").unlink()
        shutil.copytree(whole, base / "7")
        wait_until(lambda: client.metadata().version == 7)


def test_waits_for_a_first_version(serve, tmp_path):
    server = serve(tmp_path)
    with GlowClient(server.address) as client:
        with pytest.raises(ServingError, match=r"NOT_FOUND: Servable not found .* Latest\(glow\)"):
            client.metadata()
        with pytest.raises(ServingError, match="Could not find any versions of model glow"):
            client.status()
        ToyGlow().save(tmp_path, 1)
        wait_until(lambda: server.metrics.registry.get_sample_value("glow_serving_version") == 1)
        assert client.metadata().version == 1


def publish(base, version, *warmup):
    """A version with recorded requests, there at once."""
    folder = ToyGlow(tint=version).save(base.parent / "unpublished", version)
    write_warmup(folder, *warmup)
    os.rename(folder, base / str(version))


@pytest.mark.slow
def test_warmup_runs_before_a_version_is_available(serve, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    image = np.zeros((1, 4, 4, 3), np.uint8)
    publish(base, 1, sample_request(), predict_request("encode", image=image))
    server = serve(base)
    with GlowClient(server.address) as client:
        assert client.metadata().version == 1

        publish(base, 2, sample_request(), predict_request("paint"))
        wait_until(lambda: client.status()[0].error)
        assert "warm-up request 2 failed" in client.status()[0].error

        publish(base, 3, sample_request([1], [0.1, 0.2]))
        wait_until(lambda: client.status()[0].version == 3 and client.status()[0].error)
        assert "warm-up request 1 failed: Batching Run()" in client.status()[0].error

        publish(base, 4, *[sample_request()] * 1001)
        wait_until(lambda: client.status()[0].version == 4 and client.status()[0].error)
        assert "more than 1000 records" in client.status()[0].error

        folder = ToyGlow().save(tmp_path / "unpublished", 5)
        (folder / WARMUP_FILE).parent.mkdir()
        (folder / WARMUP_FILE).write_bytes(b"no record at all")
        os.rename(folder, base / "5")
        wait_until(lambda: client.status()[0].version == 5 and client.status()[0].error)
        assert "not a file of PredictionLog records" in client.status()[0].error
        assert client.metadata().version == 1

    unwarmed = serve(base, enable_model_warmup=False)
    with GlowClient(unwarmed.address) as client:
        assert client.metadata().version == 5


@pytest.mark.slow
def test_unloaded_versions_give_their_memory_back(serve, tmp_path):
    def resident() -> float:
        # What the allocator keeps is not what the server keeps.
        getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)(0)
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    whole = ToyGlow(work=1).save(tmp_path / "unpublished", 1)
    base = tmp_path / "base"
    base.mkdir()
    server = serve(base)
    sizes = []
    with GlowClient(server.address) as client:
        for version in range(1, 13):
            shutil.copytree(whole, tmp_path / "copy")
            os.rename(tmp_path / "copy", base / str(version))
            wait_until(
                lambda v=version: (
                    server.metrics.registry.get_sample_value("glow_serving_version") == v
                )
            )
            client.sample(4, seed=1)
            sizes.append(resident())
    # A version of the toy holds 1 MiB of variables and some graph.
    assert sizes[-1] - sizes[3] < 12, sizes


def test_early_clients_wait_for_the_first_load(toy_base):
    server = EmbeddedServer(ServerConfig(toy_base, port=0))
    try:
        with GlowClient(server.address, retries=0) as client, ThreadPoolExecutor(1) as thread:
            early = thread.submit(client.encode, IMAGES)
            time.sleep(0.5)
            assert not early.done()
            server.start()
            np.testing.assert_array_equal(early.result(20).latent, toy_latent(IMAGES))
    finally:
        server.stop(5)
