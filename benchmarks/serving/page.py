"""How soon a slider of the page has its picture.

Serves a model, starts `serving/demo.py` beside it, and moves sliders by HTTP as the page does, in
turn with what the page is built upon: the same decoding without the page, and the page without a
model.

    python -m benchmarks.serving.page --model_base_path=exports/digits
    python -m benchmarks.serving.page --size=paper        # CIFAR-10's size, with random weights

Prints medians and 95th percentiles, in milliseconds, and the processor time of a decoding.
"""

import http.client
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

import tfglow
from benchmarks.images import smooth_images
from benchmarks.measuring import alternate, ratio_line
from benchmarks.models import glow_config
from benchmarks.serving.frozen_flow import move_weights
from benchmarks.serving.load import ROOT, Server
from benchmarks.sizes import Size, add_size_flags, size_from
from export.signatures import Signatures
from serving.client import GlowClient
from tfglow.one_sentence_parser import OneSentenceParser


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--model_base_path", type=Path, help="an export's folder; or a size:")
    add_size_flags(parser)
    parser.add_argument("--repeats", type=int, default=200, help="moves of each slider")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        base = args.model_base_path or save_random_model(Path(folder), size_from(args))
        server = Server(base)
        try:
            measure(server, args.repeats)
        finally:
            server.stop()


def save_random_model(base: Path, size: Size) -> Path:
    """Writes a model of random weights as version 1 of `base`."""
    glow = tfglow.Glow(glow_config(size))
    glow.initialize(smooth_images(size.batch_size, size.image_shape))
    move_weights(glow)
    signatures = Signatures(glow)
    functions = signatures.concrete_functions()
    tf.saved_model.save(signatures, str(base / "1"), signatures=functions)
    return base


def measure(server: Server, repeats: int) -> None:
    """Prints how long each slider takes."""
    command = [sys.executable, "serving/demo.py", f"--server={server.address}", "--port=0"]
    page = subprocess.Popen(
        [*command, "--open_browser=false"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        if page.stdout is None:
            raise RuntimeError("The page's standard output is no pipe.")
        url = page.stdout.readline().split()[4]
        with GlowClient(server.address) as client:
            _measure(client, url.removeprefix("http://").rstrip("/"), repeats, server)
    finally:
        page.send_signal(signal.SIGTERM)
        page.wait(60)


def _measure(client: GlowClient, host: str, repeats: int, server: Server) -> None:
    connection = http.client.HTTPConnection(host)
    rng = np.random.default_rng(0)
    latent = client.predict("sample", {"seed": [1], "temperature": [0.7]})["latent"]
    first, second = ({"seed": seed, "temperature": 0.7} for seed in (1, 2))

    def call(name: str, **values: object) -> None:
        body = json.dumps(values)
        connection.request("POST", f"/api/{name}", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{name} was answered with {response.status}: {content[:200]!r}")

    def between() -> None:
        position = float(rng.random())
        call("between", first=first, second=second, position=position, path="linear")

    def file() -> None:
        connection.request("GET", "/icon.svg")
        connection.getresponse().read()

    moves = {
        "a slider of Between, over the page": between,
        "a sample at another temperature": lambda: call(
            "samples", num=1, seed=1, temperature=float(rng.random())
        ),
        "control: the same decoding over gRPC": lambda: client.decode(latent),
        "control: a file of the page": file,
    }
    times = [seconds.wall * 1000 for seconds in alternate(list(moves.values()), repeats)]
    for name, milliseconds in zip(moves, times, strict=True):
        median, high = np.percentile(milliseconds, [50, 95])
        print(f"{name:40}{median:8.1f} ms{high:8.1f} ms in 95 of 100")
    print(ratio_line("Between, times the decoding alone", times[0], times[2]))
    used = server.cpu_seconds()
    alternate([between], repeats, warm_up=0)
    used = server.cpu_seconds() - used
    # What a busy machine hardly changes.
    print(f"processor time of a decoding, all cores together: {1000 * used / repeats:.1f} ms")


if __name__ == "__main__":
    main()
