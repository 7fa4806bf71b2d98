"""What a Glow says of images, whichever way its flow runs."""

import abc

import tensorflow as tf

from tfglow import likelihood
from tfglow.bijectors.multi_scale import LevelTerms
from tfglow.checks import (
    check_continuous,
    check_images,
    check_labels,
    check_latents,
    check_noise,
    check_sampling_seed,
    check_temperature,
    warn_of_rows,
)
from tfglow.config import GlowConfig
from tfglow.ops.valid_rows import finite_rows, zero_unless

_NO_IMAGE = (
    "Latents without a finite image, black in the result: {}. So far from the latents of images "
    "the flow's inverse overflows, or they are not finite themselves; `decode_with_valid` says "
    "which."
)
_NO_LIKELIHOOD = "Images without a finite likelihood: {}."


class ImageFlow(abc.ABC):
    """Likelihoods, latents and samples of uint8 images `[B, H, W, C]`, by a flow.

    Subclasses run the flow: `Glow` by its weights, `FrozenGlow` by constants worked out of them.
    `exact` asks for networks that compute in `config.dtype`, as images need that are to come back
    to the byte: the two directions may differ in the last bit of a network's input, and bfloat16,
    which keeps three digits, can make half a percent of that.
    """

    # What the flow is made by.
    config: GlowConfig

    @abc.abstractmethod
    def _forward(
        self, x: tf.Tensor, labels: tf.Tensor | None, exact: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The latent `[B, D]` and log |det| `[B]` of continuous images, which are checked."""

    @abc.abstractmethod
    def _forward_terms(self, x: tf.Tensor, labels: tf.Tensor | None) -> list[LevelTerms]:
        """What each level adds to the log-likelihood, of continuous images, which are checked."""

    @abc.abstractmethod
    def _inverse(self, latents: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        """Continuous images `[B, H, W, C]` of latents `[B, D]`, which are checked; exactly."""

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
        latent, log_det = self._forward(x, labels, exact=False)
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
        parts = self._forward_terms(self._dequantize(images, noise), labels)
        terms = likelihood.log_prob_terms(parts, self.config.num_bits)
        warn_of_rows(tf.math.is_finite(terms.log_prob), _NO_LIKELIHOOD)
        return terms

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
        latents, _ = self._forward(x, labels, exact=True)
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
        return self._inverse(latents, labels)

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
        latent, log_det = self._forward(x, labels, exact=False)
        return self._log_prob_from_latent(latent, log_det)

    def _log_prob_from_latent(self, latent, log_det):
        density = likelihood.standard_normal_log_prob(latent) + log_det
        return likelihood.discrete_log_prob(density, self.config.num_dims, self.config.num_bits)
