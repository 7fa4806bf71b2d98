"""An export called in process: what every request of a load test must be answered with."""

import io
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

POOL = 64
# The most pixels that may be in the next bin: batches of other sizes round floats in another order,
# which shows where a value is a bin's edge but for its last digits.
MOST_IN_NEXT_BIN = 1e-4
SIGNATURES = ("encode", "decode", "sample", "sample_png")
Arrays = Mapping[str, np.ndarray]


class KnownAnswers:
    """Inputs and answers of `POOL` rows a signature, computed by the SavedModel itself.

    Args:
      version_folder: The SavedModel's folder.
    """

    def __init__(self, version_folder: Path):
        self._model = tf.saved_model.load(str(version_folder))
        structure = self._model.signatures["sample"].structured_input_signature[1]
        sampling: dict[str, np.ndarray] = {
            "seed": np.arange(POOL),
            "temperature": np.linspace(0.5, 1.0, POOL, dtype=np.float32),
        }
        self.label: dict[str, np.ndarray] = {}
        if "label" in structure:
            labels = np.arange(POOL, dtype=np.int32)
            known = int(self.run("sample", {**sampling, "label": labels})["valid"].sum())
            self.label = {"label": labels % known}
        sampled = self.run("sample", {**sampling, **self.label})
        images = {"image": sampled["image"]}
        encoded = self.run("encode", {**images, **self.label})
        self.inputs: dict[str, dict[str, np.ndarray]] = {
            "encode": images,
            "decode": {"latent": encoded["latent"]},
            "sample": sampling,
            "sample_png": sampling,
        }
        self._answers = {
            "encode": encoded,
            "decode": self.run("decode", {**self.inputs["decode"], **self.label}),
            "sample": sampled,
        }
        # The grey levels between two bins: 8 for a model of 5 bits.
        self._bin = int(np.gcd.reduce(sampled["image"], axis=None)) or 1
        self._lock = threading.Lock()
        self._pixels = self._in_next_bin = 0

    @property
    def share_in_next_bin(self) -> float:
        """Of all pixels that `is_right` has seen, those that were one bin off."""
        return self._in_next_bin / max(1, self._pixels)

    def run(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        """Calls the SavedModel."""
        tensors = {name: tf.constant(value) for name, value in arrays.items()}
        outputs = self._model.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    def request(self, signature: str, first: int, rows: int) -> dict[str, np.ndarray]:
        """The inputs of some rows, labels included."""
        place = slice(first, first + rows)
        arrays = {**self.inputs[signature], **self.label}
        return {name: value[place] for name, value in arrays.items()}

    def is_right(self, signature: str, first: int, rows: int, answer: Arrays) -> bool:
        """Whether `answer` is what the SavedModel gave, up to the contract's float rounding.

        A pixel may be one bin off; how many are is counted (`share_in_next_bin`). For any thread.
        """
        place = slice(first, first + rows)
        if signature == "sample_png":
            images = [np.asarray(Image.open(io.BytesIO(png))) for png in answer["image_bytes"]]
            shape = self._answers["sample"]["image"].shape[1:]
            answer = {"image": np.stack(images).reshape(-1, *shape)}
            signature = "sample"
        for name, value in answer.items():
            known = self._answers[signature][name][place]
            if value.shape != known.shape or value.dtype != known.dtype:
                return False
            if name == "image":
                close = self._is_same_image(value, known)
            elif (signature, name) == ("sample", "latent"):
                close = np.array_equal(value, known)
            else:
                close = np.allclose(value, known, rtol=1e-4, atol=1e-3)
            if not close:
                return False
        return True

    def _is_same_image(self, image: np.ndarray, known: np.ndarray) -> bool:
        off = np.abs(image.astype(int) - known)
        with self._lock:
            self._pixels += off.size
            self._in_next_bin += int(np.count_nonzero(off))
        return bool(off.max() <= self._bin)

    def rate(self, generator: np.random.Generator, seconds: float) -> tuple[float, float]:
        """Images a second, and processor seconds an image, without a server.

        The same mixture of requests is called one after the other.

        Args:
          generator: What draws the requests.
          seconds: How long to call.
        """
        # The first round pays for tracing and is not counted.
        for allowed in (min(2.0, seconds / 2), seconds):
            images, started, used = 0, time.perf_counter(), time.process_time()
            while time.perf_counter() < started + allowed:
                signature, first, rows = draw_request(generator)
                self.run(signature, self.request(signature, first, rows))
                images += rows
        return images / (time.perf_counter() - started), (time.process_time() - used) / images


def draw_request(generator: np.random.Generator) -> tuple[str, int, int]:
    """A signature, a first row and a number of rows, 1 to 8."""
    rows = int(generator.choice([1, 2, 4, 8]))
    return str(generator.choice(SIGNATURES)), int(generator.integers(0, POOL - rows)), rows
