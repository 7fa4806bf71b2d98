"""What a served Glow answers."""

from collections.abc import Sequence

import tensorflow as tf

from export.picture_bytes import PNG_CHANNELS, decode_pictures
from tfglow import likelihood
from tfglow.bijectors import multi_scale
from tfglow.frozen_flow import FrozenFlow
from tfglow.glow import Glow
from tfglow.ops import shapes
from tfglow.ops.valid_rows import finite_rows, zero_unless
from tfglow.pictures.preparation import Preparation
from tfglow.scoring.calibration import Calibration
from tfglow.scoring.statistics import image_statistics

# TF Serving's name for the signature of a request that names none.
DEFAULT_SIGNATURE = "serving_default"


class Signatures(tf.Module):
    """The functions `encode`, `decode`, `sample`, … of a model, batched by row.

    Every function takes and returns tensors with one row an image, dimension 0 unknown (also 0
    rows), and computes each row as if it were alone, so that a server may merge requests. All
    return `valid`, bool `[N]`: false for a row with a bad input (a label out of range, a
    temperature that is negative or not finite, a latent that is not finite) or whose result is
    not finite; its other outputs are zero, or the empty string.

    `sample_png`, `decode_png` and `encode_bytes` are there for images of 1 to 4 channels, which are
    what PNG holds. A row of `encode_bytes` is not `valid` if it is no PNG or JPEG of the image's
    size, see `decode_pictures`. `preparation` answers each row with the same record: clients see no
    files of an export. `score` answers what `Detector.score` does, by the same names and types, if
    there is a detector's calibration.

    Args:
      glow: The model; its weights are copied, folded.
      network_dtype: Dtype of the coupling networks' convolutions.
      preparation: How files become the model's images, if that is known.
      calibration: What a `Detector` of these weights has learnt, if there is one.

    Raises:
      ValueError: If a weight is not finite or a 1×1 convolution has no inverse.
    """

    def __init__(
        self,
        glow: Glow,
        network_dtype: tf.DType = tf.float32,
        preparation: Preparation | None = None,
        calibration: Calibration | None = None,
    ):
        super().__init__(name="glow")
        config = glow.config
        self._image_shape = tuple(config.image_shape)
        self._num_dims = config.num_dims
        self._num_bits = config.num_bits
        self._num_classes = config.num_classes
        self.flow = FrozenFlow(glow.flow, network_dtype=network_dtype)

        image = tf.TensorSpec([None, *self._image_shape], tf.uint8, "image")
        latent = tf.TensorSpec([None, self._num_dims], tf.float32, "latent")
        seed = tf.TensorSpec([None], tf.int64, "seed")
        temperature = tf.TensorSpec([None], tf.float32, "temperature")
        # Each direction is traced once, and shared by the functions that need it.
        continuous = tf.TensorSpec(image.shape, tf.float32, "continuous")
        self._forward = self._function(
            shapes.for_any_number_of_rows(self.flow.forward_terms), continuous
        )
        self._inverse = self._function(shapes.for_any_number_of_rows(self.flow.inverse), latent)
        self.encode = self._function(self._encode, image)
        self.decode = self._function(self._decode, latent)
        self.sample = self._function(self._sample, seed, temperature)
        if self._image_shape[-1] in PNG_CHANNELS:
            # TF Serving's REST API carries strings as base64 where their name ends in `_bytes`.
            image_bytes = tf.TensorSpec([None], tf.string, "image_bytes")
            self.sample_png = self._function(self._sample_png, seed, temperature)
            self.decode_png = self._function(self._decode_png, latent)
            self.encode_bytes = self._function(self._encode_bytes, image_bytes)
        if preparation is not None:
            self._record = preparation.to_json()
            row = tf.TensorSpec([None], tf.int32, "row")
            self.preparation = tf.function(
                self._preparation, input_signature=[row], autograph=False
            )
        if calibration is not None:
            self._calibration = calibration
            self.score = self._function(self._score, image)

    def concrete_functions(
        self, names: Sequence[str] = ()
    ) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The signatures of these names, or every one, as `tf.saved_model.save` takes them."""
        if names:
            return {name: getattr(self, name).get_concrete_function() for name in names}
        known = (
            *("encode", "decode", "sample"),
            *("encode_bytes", "decode_png", "sample_png", "preparation", "score"),
        )
        functions = self.concrete_functions([name for name in known if hasattr(self, name)])
        return {**functions, DEFAULT_SIGNATURE: functions["sample"]}

    def _function(self, python_function, *specs):
        """A graph function of `specs` and, for a conditional model, `label`."""
        if self._num_classes:
            specs = (*specs, tf.TensorSpec([None], tf.int32, "label"))
        return tf.function(python_function, input_signature=specs, autograph=False)

    def _encode(self, image, label=None):
        # A server checks no shape: these stay in the graph, and do.
        image = tf.ensure_shape(image, [None, *self._image_shape])
        valid, label = self._checked_label(image, label)
        x = likelihood.dequantize(image, self._num_bits, 0.5)  # The centre of each bin.
        levels = self._forward(x, *label)
        latent = multi_scale.flatten_latents([level.eps for level in levels])
        terms = likelihood.log_prob_terms(levels, self._num_bits)
        valid &= finite_rows(latent) & tf.math.is_finite(terms.log_prob)
        return _answer(
            valid,
            latent=latent,
            log_prob=terms.log_prob,
            bits_per_dim=likelihood.bits_per_dim(terms.log_prob, self._num_dims),
            bits_per_level=likelihood.bits_per_dim(terms.levels, self._num_dims),
        )

    def _encode_bytes(self, image_bytes, label=None):
        image_bytes = tf.ensure_shape(image_bytes, [None])
        readable, image = decode_pictures(image_bytes, self._image_shape)
        answer = self._encode(image, label)
        return _answer(readable & answer.pop("valid"), **answer)

    def _decode(self, latent, label=None):
        latent = tf.ensure_shape(latent, [None, self._num_dims])
        valid, label = self._checked_label(latent, label)
        valid, image = self._image(valid, latent, label)
        return _answer(valid, image=image)

    def _decode_png(self, latent, label=None):
        return _as_png(self._decode(latent, label))

    def _sample(self, seed, temperature, label=None):
        seed = tf.ensure_shape(seed, [None])
        temperature = tf.ensure_shape(temperature, [None])
        temperature = _with_rows_of(seed, temperature, "temperature")
        valid, label = self._checked_label(seed, label)
        valid &= tf.math.is_finite(temperature) & (temperature >= 0.0)
        latent = tf.reshape(temperature, [-1, 1]) * self._noise(seed)
        valid, image = self._image(valid, latent, label)
        return _answer(valid, image=image, latent=latent)

    def _sample_png(self, seed, temperature, label=None):
        return _as_png(self._sample(seed, temperature, label))

    def _preparation(self, row):
        """The record once a row, whatever the rows hold."""
        row = tf.ensure_shape(row, [None])
        rows = tf.shape(row)
        return _answer(tf.fill(rows, True), record=tf.fill(rows, self._record))

    def _score(self, image, label=None):
        image = tf.ensure_shape(image, [None, *self._image_shape])
        valid, label = self._checked_label(image, label)
        calibration = self._calibration
        statistics, _ = image_statistics(
            self._log_prob_terms,
            image,
            *label,
            num_bits=self._num_bits,
            num_draws=calibration.num_draws,
            seed=calibration.seed,
        )
        valid &= tf.math.is_finite(statistics["bits_per_dim"])
        return _answer(valid, **statistics, **calibration.apply(statistics))

    def _log_prob_terms(self, images, labels=None, *, noise):
        """`Glow.log_prob_terms` of the frozen flow, for any number of rows."""
        x = likelihood.dequantize(images, self._num_bits, noise)
        levels = self._forward(x, *(() if labels is None else (labels,)))
        return likelihood.log_prob_terms(levels, self._num_bits)

    def _noise(self, seed):
        """ε ~ N(0, I), `[N, D]`: each row is drawn by its seed alone."""

        def draw(row_seed):
            return tf.random.stateless_normal([self._num_dims], tf.stack([row_seed, 0]))

        # Not tf.vectorized_map, which draws the same but fails on 0 rows.
        spec = tf.TensorSpec([self._num_dims], tf.float32)
        return tf.map_fn(draw, seed, fn_output_signature=spec)

    def _image(self, valid, latent, label):
        """`valid` and the image of each latent; a row that is not valid is computed as zeros."""
        valid &= finite_rows(latent)
        x = self._inverse(zero_unless(valid, latent), *label)
        valid &= finite_rows(x)
        return valid, likelihood.quantize(zero_unless(valid, x), self._num_bits)

    def _checked_label(self, rows, label):
        """Which rows have a valid label, and the labels with 0 in place of others: () or one."""
        if label is None:
            return tf.fill([tf.shape(rows)[0]], True), ()
        label = tf.ensure_shape(label, [None])
        label = _with_rows_of(rows, label, "label")
        valid = (label >= 0) & (label < self._num_classes)
        return valid, (zero_unless(valid, label),)


def _with_rows_of(rows, tensor, name):
    """`tensor`, of as many rows: a request whose own inputs differ is refused before they meet."""
    check = tf.debugging.assert_equal(
        tf.shape(tensor)[0], tf.shape(rows)[0], f"`{name}` has another number of rows."
    )
    with tf.control_dependencies([check]):
        # A step of its own: an optimizer drops a reshape, and what waits at it.
        tensor = tf.identity(tensor)
    # Also where a converter leaves checks out, one row is not taken for all.
    return tf.reshape(tensor, tf.shape(rows)[:1])


def _as_png(answer):
    """An answer with the files of its images alone."""
    return _answer(answer["valid"], image_bytes=tf.io.encode_png(answer["image"]))


def _answer(valid, **outputs):
    answer = {name: zero_unless(valid, tensor) for name, tensor in outputs.items()}
    return {**answer, "valid": valid}
