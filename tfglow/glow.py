"""The Keras model around the flow."""

import math
import warnings
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfglow import likelihood
from tfglow.bijectors import GlowFlow
from tfglow.checks import (
    check_continuous,
    check_environment,
    check_images,
    check_labels,
    check_latents,
    check_noise,
    check_sampling_seed,
    check_temperature,
    warn_of_rows,
)
from tfglow.config import GlowConfig
from tfglow.flow_distribution import FlowDistribution
from tfglow.keras_backend import keras
from tfglow.named_weights import NamedWeights
from tfglow.networks import ScaledDense
from tfglow.objective_model import ObjectiveModel
from tfglow.ops.valid_rows import finite_rows, zero_unless
from tfglow.saved_format import FORMAT, check_format

_NO_IMAGE = (
    "Latents without a finite image, black in the result: {}. So far from the latents of images "
    "the flow's inverse overflows, or they are not finite themselves; `decode_with_valid` says "
    "which."
)
_NO_LIKELIHOOD = "Images without a finite likelihood: {}."


@keras.saving.register_keras_serializable(package="tfglow")
class Glow(NamedWeights, ObjectiveModel):
    """A Glow: exact likelihoods, latents and samples of uint8 images `[B, H, W, C]`.

    p(x) = N(flow(x); 0, I) · |det d flow/dx|, in nats, of images dequantised to [−0.5, 0.5).

    `glow.initialize(images)` sets the data-dependent weights, once, before training. Then
    `compile(optimizer)` and `fit(images)` or `fit(images, labels)` train on the mean of
    bits per dimension (plus `weight_y` times the classifier's bits).

    With `precision="mixed_bfloat16"` likelihoods and training run the coupling networks in
    bfloat16. `encode`, `decode` and `sample` compute with the same weights in float32, so that
    decode(encode(x)) is x to the byte.

    Args:
      config: A `GlowConfig`.
      **kwargs: Arguments of `keras.Model`, such as `name`.

    Raises:
      ValueError: If `config` is no `GlowConfig`, or the environment makes TensorFlow take weights
        for constants. In every method, if images are not uint8 of `config.image_shape`, or labels
        are missing, unwanted or out of range.

    Example:
      >>> latents = glow.encode(images)
      >>> latents.shape
      TensorShape([64, 64])
      >>> np.array_equal(glow.decode(latents), images // 16 * 16)  # Upper 4 bits.
      True
      >>> bits = glow.bits_per_dim(images)
      >>> bits.shape, bool(tf.reduce_mean(bits) < 8.0)
      (TensorShape([64]), True)
      >>> samples = glow.sample(4, temperature=0.7, seed=0)
      >>> samples.shape, samples.dtype
      (TensorShape([4, 8, 8, 1]), tf.uint8)
    """

    def __init__(self, config: GlowConfig, **kwargs: Any):
        if not isinstance(config, GlowConfig):
            raise ValueError(f"`config` must be a tfglow.GlowConfig, got {config!r}.")
        check_environment()
        kwargs.setdefault("dtype", config.dtype)
        inputs = [keras.InputSpec("uint8", (None, *config.image_shape), name="images")]
        if config.num_classes:
            inputs.append(keras.InputSpec("int32", (None,), name="labels"))
        terms = ["loss", "bits_per_dim", *(["class_bits", "accuracy"] if config.weight_y else [])]
        super().__init__(terms, inputs, **kwargs)
        self.config = config
        self.flow = GlowFlow(config)
        self.classifier = None
        named = self.flow.named_variables
        if config.weight_y:
            top_channels = self.flow.latent_shapes[-1][-1]
            self.classifier = ScaledDense(
                top_channels, config.num_classes, dtype=config.dtype, name="classifier"
            )
            for name, variable in self.classifier.named_variables.items():
                named[f"classifier/{name}"] = variable
        self._adopt(named)
        self.built = True

    @property
    def distribution(self) -> FlowDistribution:
        """p over continuous images `[H, W, C]`; labels go in `bijector_kwargs`."""
        base = tfd.Sample(
            tfd.Normal(tf.zeros([], self.config.dtype), 1.0), sample_shape=[self.config.num_dims]
        )
        return FlowDistribution(base, tfb.Invert(self.flow), name="glow")

    @property
    def initialized(self) -> bool:
        """Whether the weights know of any data: by `initialize`, training, or loading.

        All biases and log-scales start at 0, and the model counts as initialised once one is not.
        """
        with tf.init_scope():
            return any(
                np.any(variable.numpy())
                for name, variable in self.named_variables.items()
                if name.rpartition("/")[-1] in ("b", "logs")
            )

    def initialize(
        self, images: tf.Tensor, labels: tf.Tensor | None = None, *, again: bool = False
    ) -> None:
        """Sets all data-dependent weights from one batch (section 3.1). Call it once.

        The dequantisation noise is fixed by the configuration's seed.

        Args:
          images: uint8 `[B, H, W, C]`; the official code takes 256.
          labels: int `[B]`, for a conditional model.
          again: Whether to do so with a model that is `initialized` already, too.

        Raises:
          ValueError: If it is, and `again` is false; nothing is changed.
        """
        images, labels = self._checked(images, labels)
        if self.initialized and not again:
            raise ValueError(
                f"{self.name} was initialised, trained or loaded before, and `initialize` would "
                "overwrite its weights: pass again=True if it is to."
            )
        # With noise, as in training: channels that are constant in the batch are not without it.
        noise = tf.random.stateless_uniform(
            tf.shape(images), [self.config.seed, 0], dtype=self.config.dtype
        )
        self.flow.initialize(self._dequantize(images, noise), labels)

    def log_prob(
        self,
        images: tf.Tensor,
        labels: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """log P of discrete images, nats, `[B]`.

        Args:
          images: uint8 `[B, H, W, C]`.
          labels: int `[B]`, for a conditional model.
          noise: The dequantisation noise in [0, 1), of the shape of `images`; None draws it.
        """
        log_prob = self._log_prob(images, labels, noise)
        warn_of_rows(tf.math.is_finite(log_prob), _NO_LIKELIHOOD)
        return log_prob

    def log_density(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """log p(x) of continuous images, nats, `[B]`; differentiable in `x`.

        The density at any point, of the images that `log_prob` sees after dequantisation:

            x = likelihood.dequantize(images, num_bits, noise)
            log_prob(images, labels, noise) = log_density(x, labels) − D·num_bits·ln 2

        Its gradient is the way to more likely images: examples/inpainting.ipynb fills in what is
        missing of one, and takes noise from it. With `mixed_bfloat16` the networks run in bfloat16,
        as for `log_prob`, and the gradient has its three digits.

        Args:
          x: Floating-point numbers, `[B, H, W, C]`, where images are in [−0.5, 0.5).
          labels: int `[B]`, for a conditional model.

        Raises:
          ValueError: If `x` holds integers, or has another shape.
        """
        x = check_continuous(x, self.config.image_shape, self.config.dtype)
        labels = check_labels(labels, self.config.num_classes, tf.shape(x)[0])
        latent, log_det = self.flow.forward_and_log_det(x, labels=labels)
        log_density = likelihood.standard_normal_log_prob(latent) + log_det
        warn_of_rows(tf.math.is_finite(log_density), "Images without a finite density: {}.")
        return log_density

    def bits_per_dim(
        self,
        images: tf.Tensor,
        labels: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """−log_prob / (D·ln 2): bits per dimension, `[B]`; lower is likelier.

        Args:
          images: uint8 `[B, H, W, C]`.
          labels: int `[B]`, for a conditional model.
          noise: Noise of the dequantisation, as for `log_prob`.

        Raises:
          ValueError: If the images, labels or noise are not of this model.
        """
        log_prob = self._log_prob(images, labels, noise)
        warn_of_rows(tf.math.is_finite(log_prob), _NO_LIKELIHOOD)
        return likelihood.bits_per_dim(log_prob, self.config.num_dims)

    def log_prob_terms(
        self,
        images: tf.Tensor,
        labels: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
    ) -> likelihood.LogProbTerms:
        """`log_prob` taken apart, by levels and by places; see `likelihood.log_prob_terms`.

        Arguments as for `log_prob`. `levels`, `[B, L]`, and `places`, `[B, H, W]`, add up to
        `log_prob`, `[B]`, in nats.
        """
        images, labels = self._checked(images, labels)
        parts = self.flow.forward_terms(self._dequantize(images, noise), labels)
        terms = likelihood.log_prob_terms(parts, self.config.num_bits)
        warn_of_rows(tf.math.is_finite(terms.log_prob), _NO_LIKELIHOOD)
        return terms

    def objective(
        self,
        images: tf.Tensor,
        labels: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """What training minimises, and its parts, each `[B]`; arguments as for `log_prob`.

        Returns:
          `loss` = `bits_per_dim` + weight_y · `class_bits`. With a classifier also `class_bits`,
          its cross-entropy from the top latent's mean over space, in bits, and `accuracy`.
        """
        images, labels = self._checked(images, labels)
        latent, log_det, top = self.flow.forward_to_top(self._dequantize(images, noise), labels)
        bits = likelihood.bits_per_dim(
            self._log_prob_from_latent(latent, log_det), self.config.num_dims
        )
        if self.classifier is None:
            return {"loss": bits, "bits_per_dim": bits}
        logits = self.classifier(tf.reduce_mean(top, axis=[1, 2]))  # [B, num_classes]
        class_bits = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits) / math.log(2.0)
        accuracy = tf.cast(tf.argmax(logits, -1, labels.dtype) == labels, self.config.dtype)
        return {
            "loss": bits + self.config.weight_y * class_bits,
            "bits_per_dim": bits,
            "class_bits": class_bits,
            "accuracy": accuracy,
        }

    def encode(self, images: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Latents `[B, D]` of images, dequantised at the centre of each bin.

        Eagerly it warns of images whose latents are not finite.

        Args:
          images: uint8 `[B, H, W, C]`.
          labels: int `[B]`, for a conditional model.

        Raises:
          ValueError: If the images or labels are not of this model.
        """
        images, labels = self._checked(images, labels)
        x = self._dequantize(images, 0.5)
        latents, _ = self.flow.forward_and_log_det(x, labels=labels, network_dtype=self._exact)
        warn_of_rows(finite_rows(latents), "Images without a finite latent: {}.")
        return latents

    def decode(self, latents: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Images uint8 `[B, H, W, C]` of latents `[B, D]`.

        Far from the latents of images the inverse overflows: there is no image, and in its place
        all is black. Eagerly `decode` warns of such rows; which they are, in graphs too, is the
        second output of `decode_with_valid`.

        Args:
          latents: `[B, D]`, each level's ε, the first level's first.
          labels: int `[B]`, for a conditional model.

        Raises:
          ValueError: If the latents have another length, or the labels are not of this model.
        """
        images, valid = self.decode_with_valid(latents, labels)
        warn_of_rows(valid, _NO_IMAGE)
        return images

    def decode_with_valid(
        self, latents: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What `decode` gives, and `valid`, bool `[B]`: which latents have an image.

        A latent that is not finite, or whose continuous image is not, has none: the row is black.
        """
        x = self.decode_continuous(latents, labels)
        valid = finite_rows(x)
        return zero_unless(valid, likelihood.quantize(x, self.config.num_bits)), valid

    def decode_continuous(self, latents: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Continuous images `[B, H, W, C]`, which `decode` quantises, of latents `[B, D]`.

        Latents of images give values in [−0.5, 0.5). Latents far from all images' may give values
        outside it, or values that are not finite.
        """
        latents = check_latents(latents, self.config.num_dims, self.config.dtype)
        labels = check_labels(labels, self.config.num_classes, tf.shape(latents)[0])
        return self.flow.inverse_and_log_det(latents, labels=labels, network_dtype=self._exact)[0]

    def sample(
        self,
        num: int,
        temperature: float | tf.Tensor = 1.0,
        labels: tf.Tensor | None = None,
        seed: int | None = None,
    ) -> tf.Tensor:
        """Images uint8 `[num, H, W, C]`, decoded from `sample_latents`.

        Eagerly it warns, as `decode` does, of samples that have no image.

        Args:
          num: Number of samples.
          temperature: One temperature for all samples, or one for each, `[num]`.
          labels: int `[num]`, for a conditional model.
          seed: The same seed gives the same samples; None draws new ones.

        Raises:
          ValueError: If an argument is not as described.
        """
        latents = self.sample_latents(num, temperature, seed)
        images, valid = self.decode_with_valid(latents, labels)
        warn_of_rows(valid, _NO_IMAGE)
        return images

    def sample_latents(
        self, num: int, temperature: float | tf.Tensor = 1.0, seed: int | None = None
    ) -> tf.Tensor:
        """Latents `[num, D]` to decode: temperature · ε, ε ~ N(0, I).

        Args:
          num: Number of samples.
          temperature: One temperature for all samples, or one for each, `[num]` (section 6: lower
            is smoother).
          seed: The same seed gives the same latents; None draws new ones.

        Raises:
          ValueError: If `num` is negative, a temperature is negative or not finite, or `seed` is
            no integer.
        """
        temperature = check_temperature(temperature, num, self.config.dtype)
        shape, dtype = [num, self.config.num_dims], self.config.dtype
        if seed is None:
            eps = tf.random.normal(shape, dtype=dtype)
        else:
            pair = [check_sampling_seed(seed), 0]
            eps = tf.random.stateless_normal(shape, pair, dtype=dtype)
        return tf.reshape(temperature, [-1, 1]) * eps

    # Keras.

    def call(self, images: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """The latents of `images`; see `encode`."""
        return self.encode(images, labels)

    def make_train_function(self, force: bool = False) -> None:
        """What `fit` calls before its first step: warns if `initialize` was forgotten."""
        if self.train_function is None and not self.initialized:
            warnings.warn(
                f"{self.name} is trained from weights that know nothing of the data: call "
                "`initialize` on one batch of images first (section 3.1).",
                stacklevel=2,
            )
        super().make_train_function(force)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the model from, for Keras's `.keras` files."""
        return {
            "name": self.name,
            "config": self.config.to_dict(),
            "format": FORMAT,
            "trainable": self.trainable,
            "frozen": self.frozen,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Glow":
        """The model that `get_config` described, with new weights."""
        check_format(config.get("format"), "The saved Glow")
        glow = cls(GlowConfig.from_dict(config["config"]), name=config["name"])
        glow.trainable = config.get("trainable", True)
        glow.freeze(config.get("frozen", ()))
        return glow

    # Between images and the flow.

    def _checked(self, images, labels):
        images = check_images(images, self.config.image_shape)
        return images, check_labels(labels, self.config.num_classes, tf.shape(images)[0])

    def _dequantize(self, images, noise):
        dtype = self.config.dtype
        if noise is None:
            noise = tf.random.uniform(tf.shape(images), dtype=dtype)
        else:
            noise = check_noise(noise, images.shape, dtype)
        return likelihood.dequantize(images, self.config.num_bits, noise, dtype)

    def _log_prob(self, images, labels, noise):
        images, labels = self._checked(images, labels)
        x = self._dequantize(images, noise)
        latent, log_det = self.flow.forward_and_log_det(x, labels=labels)
        return self._log_prob_from_latent(latent, log_det)

    def _log_prob_from_latent(self, latent, log_det):
        density = likelihood.standard_normal_log_prob(latent) + log_det
        return likelihood.discrete_log_prob(density, self.config.num_dims, self.config.num_bits)

    @property
    def _exact(self):
        """The dtype of the networks where images must come back to the byte.

        The two directions may differ in the last bit of a network's input. bfloat16, which keeps
        three digits, can make half a percent of that, and the images would not come back.
        """
        return tf.as_dtype(self.config.dtype)
