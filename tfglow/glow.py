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
from tfglow.checks import check_environment
from tfglow.config import GlowConfig
from tfglow.flow_distribution import FlowDistribution
from tfglow.frozen_glow import FrozenGlow
from tfglow.image_flow import ImageFlow
from tfglow.keras_backend import keras
from tfglow.named_weights import NamedWeights
from tfglow.networks import ScaledDense
from tfglow.objective_model import ObjectiveModel
from tfglow.saved_format import FORMAT, check_format


@keras.saving.register_keras_serializable(package="tfglow")
class Glow(ImageFlow, NamedWeights, ObjectiveModel):
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

    def frozen(self, constants_in_graph: bool = False) -> FrozenGlow:
        """A view that computes the same from constants, worked out once: for weights that stay.

        It has the methods of this class that take images, latents or numbers of samples, is faster,
        and refuses to answer once a weight has changed; see `FrozenGlow`.

            view = glow.frozen()
            view.log_prob(images)  # As `glow.log_prob(images)`, to rounding.

        Args:
          constants_in_graph: Whether to spend memory, about nine times the weights' for each
            direction that is called, on having oneDNN lay the constants out once.

        Raises:
          ValueError: If a weight is not finite, or a step cannot be inverted.
        """
        return FrozenGlow(self.flow, self.name, constants_in_graph)

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
            "frozen": self.frozen_names,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Glow":
        """The model that `get_config` described, with new weights."""
        check_format(config.get("format"), "The saved Glow")
        glow = cls(GlowConfig.from_dict(config["config"]), name=config["name"])
        glow.trainable = config.get("trainable", True)
        glow.freeze(config.get("frozen", ()))
        return glow

    # What `ImageFlow` asks for.

    def _forward(self, x, labels, exact):
        dtype = self.flow.dtype if exact else None
        return self.flow.forward_and_log_det(x, labels=labels, network_dtype=dtype)

    def _forward_terms(self, x, labels):
        return self.flow.forward_terms(x, labels)

    def _inverse(self, latents, labels):
        dtype = self.flow.dtype
        return self.flow.inverse_and_log_det(latents, labels=labels, network_dtype=dtype)[0]
