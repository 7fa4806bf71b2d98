"""The server as a user starts and stops it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest

from export.exporting import export_run
from serving.client import GlowClient, ServingError
from serving.server import main
from tests.export.models import random_config, random_images
from tests.random_glow import random_glow
from tests.serving.raw_calls import RawStubs, sample_request
from tests.serving.server_process import ROOT, ServerProcess, UsersServerProcess
from tests.serving.toy_glow import ToyGlow
from tests.serving.warmup_file import write_warmup
from tests.source_imports import imports, modules
from tfglow.runs.run_folder import RunFolder

# The client's script where nothing but its own needs can be imported, and of tfglow only what is
# NumPy and Pillow alone.
CLIENT_ALONE = """
import runpy, sys
for name in ("train export tensorflow_probability tf_keras tensorflow_datasets "
             "prometheus_client grpc_health grpc_reflection").split():
    sys.modules[name] = None
try:
    runpy.run_path("serving/client.py", run_name="__main__")
finally:
    print(sorted({".".join(name.split(".")[:2]) for name in sys.modules
                  if name.partition(".")[0] == "tfglow"}))
"""
CLIENTS_PART_OF_TFGLOW = [
    "tfglow",
    "tfglow.array_files",
    "tfglow.counting",
    "tfglow.latents",
    "tfglow.lazy_parts",
    "tfglow.local_paths",
    "tfglow.log_filter",
    "tfglow.one_sentence_parser",
    "tfglow.pictures",
    "tfglow.tensorflow_log",
    "tfglow.whole_files",
    "tfglow.writing",
]
# Wide enough for the product of patches, and for oneDNN to prefer layouts of its own.
CONFIG = random_config(image_shape=(16, 8, 5), levels=1, steps=1, width=256)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 4, 4, 3), dtype=np.uint8)


def test_the_command_is_called_what_its_path_is(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out.startswith("usage: serving/server.py")


@pytest.mark.slow
def test_the_clients_script_runs_from_any_folder(tmp_path):
    """As `UsersServerProcess` runs the server's."""
    path = ROOT / "serving" / "client.py"
    # As a user starts it, without the tests' own paths.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, path, "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: serving/client.py")


def test_the_client_imports_tensorflow_for_its_messages_alone():
    """`tensorflow_serving` brings all of TensorFlow; nothing else of the client does."""
    code = """
import sys
sys.modules["tensorflow"] = sys.modules["tensorflow_serving"] = None
import tfglow.latents.interpolation, tfglow.pictures.image_grid
from serving.client import ServingError, TlsConfig, cli, connection, files, pieces
cli.client_parser()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    known = modules(ROOT, "serving")
    targets = {
        line.target
        for name in known
        if name.startswith(("serving.client", "serving.tensors", "serving.quiet"))
        for line in imports(name, known)
        if line.target.startswith("tensorflow")
    }
    assert targets and all(
        target == "tensorflow_serving.apis" or target.startswith("tensorflow.core.")
        for target in targets
    )


@pytest.mark.slow
def test_serves_a_command_and_stops_under_load(toy_base, tmp_path):
    with UsersServerProcess(toy_base, "--enable_batching=true") as server:
        out = tmp_path / "grid.png"
        flags = ["--num=4", "--seed=1", "--server", server.address, "--out", str(out)]
        done = subprocess.run(
            [sys.executable, "-c", CLIENT_ALONE, "sample", *flags],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "") and out.exists()
        assert done.stdout.splitlines()[-1] == str(CLIENTS_PART_OF_TFGLOW)

        answers, ends, wrong = [], set(), []

        def ask():
            with GlowClient(server.address, retries=0, timeout=20) as client:
                while True:
                    try:
                        right = np.array_equal(client.reconstruct(IMAGES), IMAGES)
                    except ServingError as error:
                        ends.add(error.code)
                        return
                    (answers if right else wrong).append(1)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        while len(answers) < 30:
            time.sleep(0.01)
        status, errors = server.stop(signal.SIGTERM)
        for thread in threads:
            thread.join(25)
        assert status == 0, errors
        assert "Traceback" not in errors and not wrong
        # Whoever came too late was told so, and nobody waited for a deadline.
        assert ends == {grpc.StatusCode.UNAVAILABLE}, ends


@pytest.mark.slow
def test_a_new_version_is_computed_with_its_own_weights(tmp_path):
    """The process tells oneDNN that weights are constant: those of a version are, not all."""
    glows = [random_glow(CONFIG, seed, scale=0.01) for seed in (1, 2)]
    images = random_images(CONFIG)
    expected = [glow.encode(images).numpy() for glow in glows]
    run = RunFolder.create(tmp_path / "run", {"model": CONFIG.to_dict(), "dataset": "digits"})
    run.save_glow(glows[0], None, step=1)
    export_run(run.path, tmp_path / "exports", raw_weights=True)
    flags = ("--file_system_poll_wait_seconds=0.05",)
    with (
        ServerProcess(tmp_path / "exports", *flags) as server,
        GlowClient(server.address) as client,
    ):
        for num in (1, 5, 3):  # Each is another layout to oneDNN.
            latents = client.encode(images[:num].numpy()).latent
            np.testing.assert_allclose(latents, expected[0][:num], atol=1e-4)
        run.save_glow(glows[1], None, step=2)
        export_run(run.path, tmp_path / "exports", raw_weights=True, checkpoint="latest")
        while [v.state for v in client.status() if v.version == 2] != ["AVAILABLE"]:
            time.sleep(0.05)
        for num in (5, 1, 3):
            latents = client.encode(images[:num].numpy()).latent
            np.testing.assert_allclose(latents, expected[1][:num], atol=1e-4)
        _, log = server.stop(signal.SIGTERM)
    assert np.abs(expected[0] - expected[1]).max() > 0.1
    # The server finds what export/ recorded, by a path that each of them states.
    for version in (1, 2):
        assert f"version {version} is warm after 4 recorded requests" in log


@pytest.mark.slow
def test_what_is_under_way_is_finished_within_the_grace_period(tmp_path):
    ToyGlow(work=2000).save(tmp_path, 1)
    patient, hasty = (
        ServerProcess(tmp_path, f"--shutdown_grace_seconds={seconds}") for seconds in (20, 0.5)
    )
    with patient, RawStubs(patient.address) as stubs:
        # A second of work.
        short = stubs.predictions.Predict.future(sample_request([1]), timeout=100)
        time.sleep(0.3)
        status, errors = patient.stop(signal.SIGTERM)
        assert short.result().outputs["image"].tensor_shape.dim[0].size == 1
        assert status == 0 and "Traceback" not in errors, errors
    with hasty, RawStubs(hasty.address) as stubs:
        # A minute and more of it.
        long = stubs.predictions.Predict.future(sample_request(range(64)), timeout=100)
        time.sleep(0.3)
        started = time.monotonic()
        status, errors = hasty.stop(signal.SIGINT)
        assert time.monotonic() - started < 5
        assert long.code() is not grpc.StatusCode.OK
        assert status == 0 and "Traceback" not in errors, errors


@pytest.mark.slow
def test_loads_without_end(tmp_path):
    """After their time the old version serves on; SIGTERM does not wait for them."""
    base = tmp_path / "base"
    ToyGlow().save(base, 1)
    # Hours of work before they are warm.
    endless = ToyGlow(work=10**6).save(tmp_path, 2)
    write_warmup(endless, sample_request())
    flags = ("--load_timeout_seconds=1", "--file_system_poll_wait_seconds=0.05")
    with ServerProcess(base, *flags) as server, GlowClient(server.address) as client:

        def publish(version):
            shutil.copytree(endless, tmp_path / "copy")
            os.rename(tmp_path / "copy", base / str(version))

        def state(version):
            return next((v for v in client.status() if v.version == version), None)

        def wait_for(version, name):
            while state(version) is None or state(version).state != name:
                time.sleep(0.05)

        publish(2)
        wait_for(2, "END")
        assert "version 2 in " in state(2).error and "did not load within 1 s" in state(2).error
        assert state(1).state == "AVAILABLE" and client.sample(1).shape == (1, 4, 4, 3)
        publish(3)
        wait_for(3, "LOADING")
        started = time.monotonic()
        status, errors = server.stop(signal.SIGTERM)
        assert status == 0 and "Traceback" not in errors, errors
        assert "version 2 in " in errors and "what was still under way was dropped" in errors
        assert time.monotonic() - started < 5


@pytest.fixture
def signal_handlers():
    """Puts the handlers back that `main` replaces."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    kept = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, kept, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("signal_handlers")
def test_a_taken_port_is_one_sentence(server, toy_base, capfd):
    assert main([f"--model_base_path={toy_base}", f"--port={server.port}"]) == 1
    message = f"error: cannot listen on {server.address}; is the port taken? --port takes another\n"
    assert capfd.readouterr().err == message
    # What only the server's own process may have is not left in another's.
    assert "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS" not in os.environ
