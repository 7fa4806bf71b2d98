"""Every strategy with every source of images, through the command, up to the first step."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import REPO
from tests.train.test_multi_worker import free_ports

# One process imports TensorFlow, and forks before it computes: each child is a command that starts.
_CHILDREN = """
import json, os, sys, traceback
import tensorflow_datasets  # Once, not in every child.
from train import main, trainer

trainer.Trainer.train = lambda self, stop: None  # Tracing a step takes longer than all else.
children = {}
for name, environment, arguments in json.load(sys.stdin):
    child = os.fork()
    if not child:
        os.environ.update(environment)
        output = os.open(name, os.O_CREAT | os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        try:
            main.main(arguments)
        except SystemExit as error:
            print(error, flush=True)
            os._exit(1)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    children[child] = name
    if not environment or environment["last"]:
        # One command at a time, but for workers of one run, which wait for each other.
        for child in list(children):
            status = os.waitpid(child, 0)[1]
            print(children.pop(child), os.waitstatus_to_exitcode(status), flush=True)
"""

# Every source on one device, on replicas and on workers; "mirrored" without a GPU is one device.
STRATEGIES = {
    "one_device": {"digits", "folder", "folder_fitted", "tfds"},
    "mirrored": {"folder_fitted"},
    "cpu_mirrored": {"digits", "folder", "folder_fitted", "tfds"},
    "multi_worker_mirrored": {"digits", "folder", "folder_fitted", "tfds"},
}


@pytest.fixture(scope="module")
def sources(shared_dir, tmp_path_factory):
    """The flags of each source of images."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for number in range(30):
        pixels = rng.integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return {
        "digits": [],
        "folder": ["--dataset=folder", f"--data_dir={folder}"],
        "folder_fitted": ["--dataset=folder", f"--data_dir={folder}", "--image_shape=8,8,3"],
        "tfds": ["--dataset=cifar10", f"--data_dir={shared_dir / 'tfds'}"],
    }


@pytest.mark.slow
def test_every_strategy_trains_on_every_source_of_images(sources, tmp_path):
    commands = []
    for source, data in sources.items():
        for strategy in [name for name, own in STRATEGIES.items() if source in own]:
            run = f"--run_dir={tmp_path / f'{strategy}_{source}_run'}"
            flags = [*data, run, f"--strategy={strategy}", "--levels=1", "--steps=1", "--width=8"]
            flags += ["--batch_size=4", "--init_images=8"]
            several = strategy == "multi_worker_mirrored"
            ports = [f"localhost:{port}" for port in free_ports(2)]
            for index in range(1 + several):
                environment = {}
                if several:
                    task = {"type": "worker", "index": index}
                    cluster = json.dumps({"cluster": {"worker": ports}, "task": task})
                    environment = {"TF_CONFIG": cluster, "last": "1" if index else ""}
                commands.append((f"{strategy}_{source}_{index}", environment, flags))
    done = subprocess.run(
        [sys.executable, "-c", _CHILDREN],
        input=json.dumps(commands),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    texts = {name: (tmp_path / name).read_text() for name, _, _ in commands}
    statuses = dict(line.split() for line in done.stdout.splitlines())
    assert statuses == dict.fromkeys(texts, "0"), (done.stderr[-500:], texts)
    for name, text in texts.items():
        reports = name.endswith("_0")
        for words in ("Data  ", "Model  ", "Memory  ", "Devices  "):
            assert (words in text) == reports, text
        assert ("Without --preset" in text) == (reports and "digits" not in name)
        if "folder_0" in name:
            assert "images 10x12x3 of 8 bits" in text
        assert ("2 workers" in text) == (reports and name.startswith("multi_worker"))
