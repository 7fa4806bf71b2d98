"""A hand-made SavedModel with exactly the contract's signatures and a trivial flow.

The flow maps a pixel x to (x − 127.5 − tint) / 64, shifted by the row's label: invertible to the
byte, quick to trace, and with answers that a test works out by itself. `tint` (a whole number of
grey levels) tells versions apart.
"""

import atexit
import functools
import math
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

IMAGE_SHAPE = (4, 4, 3)
DIMENSIONS = math.prod(IMAGE_SHAPE)
SCALE = 64.0


class ToyGlow(tf.Module):
    """The contract's signatures over `latent = (image - 127.5 - tint) / 64 - label`."""

    def __init__(self, image_shape=IMAGE_SHAPE, num_classes=0, tint=0, work=0):
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.dimensions = math.prod(image_shape)
        self.tint = tf.Variable(float(tint), name="tint")
        # A network's cost: `work` times 33 million multiplications a row, one after the other.
        self.work = work
        if work:
            self.mixer = tf.Variable(tf.eye(512), name="mixer")

    def encode(self, image, label=None):
        image = tf.ensure_shape(image, [None, *self.image_shape])
        valid, offset = self._label(label, tf.shape(image)[0])
        pixels = tf.reshape(tf.cast(image, tf.float32), [-1, self.dimensions])
        latent = self._labour((pixels - 127.5 - self.tint) / SCALE - offset[:, None])
        log_prob = -0.5 * tf.reduce_sum(latent**2 + math.log(2 * math.pi), -1)
        log_prob -= self.dimensions * math.log(SCALE)
        bits_per_dim = -log_prob / (self.dimensions * math.log(2.0))
        return _answer(valid, latent=latent, log_prob=log_prob, bits_per_dim=bits_per_dim)

    def decode(self, latent, label=None):
        latent = tf.ensure_shape(latent, [None, self.dimensions])
        valid, offset = self._label(label, tf.shape(latent)[0])
        valid &= tf.reduce_all(tf.math.is_finite(latent), -1)
        return _answer(valid, image=self._image(latent, offset))

    def encode_bytes(self, image_bytes, label=None):
        """Of PNGs of the right size alone: what else there is, the exporter's own tests try."""
        is_png = tf.strings.regex_full_match(image_bytes, r"\C\C?PNG\C*")
        blank = tf.io.encode_png(tf.zeros(self.image_shape, tf.uint8))
        image = tf.map_fn(
            tf.io.decode_png,
            tf.where(is_png, image_bytes, blank),
            fn_output_signature=tf.TensorSpec(self.image_shape, tf.uint8),
        )
        answer = self.encode(image, label)
        return _answer(is_png & answer.pop("valid"), **answer)

    def decode_png(self, latent, label=None):
        answer = self.decode(latent, label)
        return _answer(answer["valid"], image_bytes=_png(answer["image"]))

    def sample(self, seed, temperature, label=None):
        seed = tf.ensure_shape(seed, [None])
        temperature = tf.ensure_shape(temperature, [None])
        valid, offset = self._label(label, tf.shape(seed)[0])
        valid &= tf.math.is_finite(temperature) & (temperature >= 0)
        noise = tf.map_fn(
            lambda s: tf.random.stateless_normal([self.dimensions], tf.stack([s, 0])),
            seed,
            fn_output_signature=tf.TensorSpec([self.dimensions]),
        )
        latent = temperature[:, None] * noise
        return _answer(valid, image=self._image(latent, offset), latent=latent)

    def sample_png(self, seed, temperature, label=None):
        answer = self.sample(seed, temperature, label)
        return _answer(answer["valid"], image_bytes=_png(answer["image"]))

    def save(self, base: Path, version: int) -> Path:
        """Publishes `base/<version>` by a rename, as the exporter does."""
        base.mkdir(parents=True, exist_ok=True)
        unfinished = base / f"unfinished-{version}"
        shutil.copytree(
            _saved(type(self), self.image_shape, self.num_classes, int(self.tint), self.work),
            unfinished,
        )
        os.rename(unfinished, base / str(version))
        return base / str(version)

    def write(self, folder: Path) -> None:
        """The SavedModel itself."""
        label = {"label": tf.TensorSpec([None], tf.int32, "label")} if self.num_classes else {}
        specs = {
            "encode": {"image": tf.TensorSpec([None, *self.image_shape], tf.uint8, "image")},
            "decode": {"latent": tf.TensorSpec([None, self.dimensions], tf.float32, "latent")},
            "sample": {
                "seed": tf.TensorSpec([None], tf.int64, "seed"),
                "temperature": tf.TensorSpec([None], tf.float32, "temperature"),
            },
        }
        if self.image_shape[-1] <= 4:  # What a PNG holds, as in the exporter.
            specs["sample_png"] = specs["sample"]
            specs["decode_png"] = specs["decode"]
            image_bytes = tf.TensorSpec([None], tf.string, "image_bytes")
            specs["encode_bytes"] = {"image_bytes": image_bytes}
        signatures = {
            name: tf.function(getattr(self, name)).get_concrete_function(**spec, **label)
            for name, spec in specs.items()
        }
        signatures["serving_default"] = signatures["sample"]
        tf.saved_model.save(self, str(folder), signatures=signatures)

    def _label(self, label, rows):
        if label is None:
            return tf.fill([rows], True), tf.zeros([rows])
        label = tf.ensure_shape(label, [None])
        return (label >= 0) & (label < self.num_classes), tf.cast(label, tf.float32)

    def _image(self, latent, offset):
        pixels = self._labour(latent + offset[:, None]) * SCALE + 127.5 + self.tint
        pixels = tf.clip_by_value(tf.round(pixels), 0.0, 255.0)
        return tf.reshape(tf.cast(pixels, tf.uint8), [-1, *self.image_shape])

    def _labour(self, values):
        if not self.work:
            return values
        rows = tf.ones([tf.shape(values)[0] * 64, 512])
        for _ in tf.range(self.work):
            rows = rows @ self.mixer
        return values + tf.minimum(tf.reduce_mean(rows), 0.0)  # Zero, which no optimizer sees.


@functools.cache
def _saved(kind, *arguments) -> Path:
    """A toy's SavedModel, which a process writes once; not to be changed."""
    folder = Path(tempfile.mkdtemp(prefix="toy"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    kind(*arguments).write(folder / "model")
    return folder / "model"


def toy_latent(image: np.ndarray, tint: int = 0, label=0) -> np.ndarray:
    """What `encode` answers, in NumPy."""
    flat = image.reshape(len(image), -1).astype(np.float32)
    return (flat - 127.5 - tint) / SCALE - np.asarray(label, np.float32).reshape(-1, 1)


def _png(image):
    return tf.map_fn(tf.io.encode_png, image, fn_output_signature=tf.string)


def _answer(valid, **outputs):
    """Zeroes the rows that are not valid (a string's zero is the empty one)."""
    answer = {"valid": valid}
    for name, value in outputs.items():
        mask = tf.reshape(valid, [-1] + [1] * (value.shape.rank - 1))
        answer[name] = tf.where(mask, value, tf.zeros_like(value))
    return answer
