import dataclasses
import json
import signal
import socket
import time

import numpy as np
import pytest

from tests.conftest import REPO
from tests.forked import Forked
from tfglow.runs.run_folder import RunFolder
from train.run import train_and_evaluate


class Workers:
    """Two processes on this machine that train one run."""

    def __init__(self, run_dir, *flags):
        addresses = [f"localhost:{port}" for port in free_ports(2)]
        arguments = ["--preset=tiny", f"--run_dir={run_dir}", "--levels=1"]
        arguments += ["--strategy=multi_worker_mirrored", *flags]
        self.processes = []
        for index in range(2):
            task = {"type": "worker", "index": index}
            config = json.dumps({"cluster": {"worker": addresses}, "task": task})
            environment = {"TF_CONFIG": config}
            script = REPO / "train" / "main.py"
            self.processes.append(Forked(script, *arguments, cwd=REPO, environment=environment))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in self.processes:
            process.__exit__()

    def outputs(self):
        """What each wrote, once both have ended well."""
        outputs = [process.communicate(timeout=300) for process in self.processes]
        for process, (_, errors) in zip(self.processes, outputs, strict=True):
            assert process.returncode == 0, errors[-2000:]
        return [output for output, _ in outputs]


def free_ports(num):
    sockets = [socket.socket() for _ in range(num)]
    for s in sockets:
        s.bind(("localhost", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.mark.slow
def test_two_workers_train_stop_together_and_resume_as_one_device_would(tiny, tmp_path):
    """SIGTERM goes to the second worker, which saves nothing itself."""
    run = RunFolder(tmp_path / "run")
    with Workers(run.path, "--epochs=10000") as workers:
        deadline = time.monotonic() + 300
        while not run.metrics() and time.monotonic() < deadline:
            assert all(process.poll() is None for process in workers.processes)
            time.sleep(0.05)
        workers.processes[1].send_signal(signal.SIGTERM)
        first, second = workers.outputs()
    for output in (first, second):
        assert "Stopped and saved at step" in output
    assert "epoch 1/10000" in first
    assert "epoch" not in second  # One worker reports.
    epochs = len(run.metrics()) + 1
    with Workers(run.path, f"--epochs={epochs}") as workers:
        first, _ = workers.outputs()
    assert "Resumed at step" in first
    assert f"Finished at step {10 * epochs}" in first
    alone = RunFolder(tmp_path / "alone")
    model = dataclasses.replace(tiny.model, levels=1)
    config = dataclasses.replace(tiny, model=model, epochs=epochs, strategy="one_device")
    train_and_evaluate(config, alone.path)
    for weights in ("averaged", "raw"):
        mine, theirs = (r.load_glow(weights, "latest").weights for r in (run, alone))
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-3)
    bits = [r.metrics()[-1]["eval_bits_per_dim"] for r in (run, alone)]
    assert bits[0] == pytest.approx(bits[1], abs=1e-3)
