"""This project's Glow as it is exported and served."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from benchmarks.images import random_batch
from benchmarks.peers.contestant import Contestant
from benchmarks.sizes import SIZES, Size

# As the server has it; TensorFlow reads it with its first operation.
_FROZEN = "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"


class ExportedGlow(Contestant):
    """The SavedModel's `sample` and, for likelihoods, `encode`, in a process like the server's.

    oneDNN is told that weights are constant, which is true of nothing but an export: so another
    process writes it, and this one does not train.

    Args:
      size: The model that is exported, and the images of a batch.
      precision: "float32" or "mixed_bfloat16", as `export/main.py` takes it.
      calls: Batches that run side by side, each with its share of the images, as a server's do.
    """

    def __init__(self, size: Size, precision: str = "float32", calls: int = 1):
        self._size = size
        self._calls = calls
        self._threads = ThreadPoolExecutor(calls)
        name = next(name for name, other in SIZES.items() if other == size)
        with tempfile.TemporaryDirectory() as folder:
            environment = {k: v for k, v in os.environ.items() if k != _FROZEN}
            command = [sys.executable, "-m", __name__, name, precision, folder]
            subprocess.run(command, env=environment, check=True)
            os.environ[_FROZEN] = "1"
            self._model = tf.saved_model.load(folder)

    def train(self) -> Callable[[], float]:
        raise ValueError("An exported model does not train.")

    def log_prob(self) -> Callable[[], object]:
        image = random_batch(self._size.batch_size, self._size.image_shape)["image"]
        return self._side_by_side("encode", "log_prob", image=image)

    def sample(self) -> Callable[[], object]:
        seed = tf.range(self._size.batch_size, dtype=tf.int64)
        temperature = tf.fill([self._size.batch_size], 0.7)
        return self._side_by_side("sample", "image", seed=seed, temperature=temperature)

    def _side_by_side(self, signature, output, **inputs):
        function = self._model.signatures[signature]
        split = {name: tf.split(value, self._calls) for name, value in inputs.items()}
        shares = [{name: split[name][call] for name in split} for call in range(self._calls)]
        return lambda: list(
            self._threads.map(lambda share: function(**share)[output].numpy(), shares)
        )


def _export(size_name: str, precision: str, folder: str) -> None:
    """Writes an untrained model; its values do not change the time that it takes."""
    import tfglow
    from benchmarks.models import glow_config
    from export.exporting import NETWORK_DTYPES
    from export.signatures import Signatures

    glow = tfglow.Glow(glow_config(SIZES[size_name]))
    signatures = Signatures(glow, network_dtype=NETWORK_DTYPES[precision])
    tf.saved_model.save(signatures, folder, signatures=signatures.concrete_functions())


if __name__ == "__main__":
    _export(*sys.argv[1:])
