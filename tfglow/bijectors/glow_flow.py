"""The whole multi-scale flow."""

import math
from collections.abc import Iterator

import tensorflow as tf

from tfglow.bijectors.actnorm import ActNorm
from tfglow.bijectors.additive_coupling import AdditiveCoupling
from tfglow.bijectors.affine_coupling import AffineCoupling
from tfglow.bijectors.flow_step import FlowStep
from tfglow.bijectors.gaussian_split import GaussianSplit
from tfglow.bijectors.invertible_1x1_conv import Invertible1x1Conv
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.bijectors.reverse_channels import ReverseChannels
from tfglow.bijectors.shuffle_channels import ShuffleChannels
from tfglow.bijectors.squeeze import Squeeze
from tfglow.bijectors.step_chain import StepChain
from tfglow.bijectors.top_prior import TopPrior
from tfglow.config import GlowConfig
from tfglow.networks import CouplingNetwork


class GlowFlow(OnePassBijector):
    """From continuous images to white latents, `[H, W, C] → [D]` (figure 2b).

    For each of L levels: squeeze, K flow steps, and, but for the last, a split; then the top
    prior. The latent is flat, D = H·W·C: the first level's ε first, the top last, each reshaped
    row-major. log |det| is the sum of all layers' (nats).

    Args:
      config: A `GlowConfig`.
      validate_args: Whether all layers check at run time that inputs are finite.
      name: Of the bijector.

    Raises:
      ValueError: If an event does not have `config.image_shape`, or as `TopPrior` does of
        `labels`, which conditional models take: `forward(x, labels=labels)`.
    """

    def __init__(self, config, validate_args=False, name="glow_flow"):
        parameters = dict(locals())
        if not isinstance(config, GlowConfig):
            raise ValueError(f"`config` of {name} must be a tfglow.GlowConfig, got {config!r}.")
        super().__init__(
            parameters=parameters,
            dtype=config.dtype,
            validate_args=validate_args,
            inverse_event_ndims=1,
            name=name,
        )
        self._config = self._no_dependency(config)
        common = {"dtype": self.dtype, "validate_args": validate_args}
        self.squeeze = Squeeze(**common)
        # steps[level][k], splits[level]: named as they are saved in checkpoints.
        self.steps = []
        self.splits = []
        chains = []
        for level in range(config.levels):
            channels = config.level_shape(level)[-1]
            self.steps.append(
                [self._make_step(level, k, channels, common) for k in range(config.steps)]
            )
            chains.append(
                StepChain(
                    list(self.steps[level]),
                    recompute=config.gradient_checkpointing,
                    name=f"level{level}_steps",
                    **common,
                )
            )
            if level < config.levels - 1:
                self.splits.append(GaussianSplit(channels, name=f"level{level}_split", **common))
        self.top_prior = TopPrior(
            config.level_shape(config.levels - 1)[-1],
            learn_top=config.learn_top,
            num_classes=config.num_classes,
            **common,
        )
        # The same steps: they are tracked, and saved, as `steps` alone.
        self._chains = self._no_dependency(tuple(chains))
        self._latent_shapes = self._no_dependency(_latent_shapes(config))

    @property
    def config(self) -> GlowConfig:
        """What the flow was built from."""
        return self._config

    @property
    def latent_shapes(self) -> list[tuple[int, int, int]]:
        """The shape [H, W, C] of each level's ε, in the order of the flat latent."""
        return list(self._latent_shapes)

    @property
    def layers(self) -> list[tuple[str, OnePassBijector]]:
        """Every layer with its name, in the order from data to latent."""
        return list(self._layers())

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Every variable by the names of its layer and its own: `level0_step3_actnorm/logs`."""
        named = {}
        for layer_name, layer in self._layers():
            for name, variable in layer.named_variables.items():
                named[f"{layer_name}/{name}"] = variable
        return named

    def initialize(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Initialises layer by layer on one batch of continuous images, as section 3.1 does.

        Args:
          x: `[B, H, W, C]`.
          labels: int `[B]`, for a conditional model.

        Returns:
          The latent of `x`, `[B, D]`.
        """
        x = tf.convert_to_tensor(x, self.dtype)
        self._check_event_shape(x.shape[-3:])
        latents = []
        for level, chain in enumerate(self._chains):
            x, _ = self.squeeze.forward_and_log_det(x)
            x = chain.initialize(x)
            if level < len(self.splits):
                x, eps, _ = self.splits[level].split(x)
                latents.append(eps)
        eps, _ = self.top_prior.forward_and_log_det(x, **_given(labels))
        return _flatten_latents([*latents, eps])

    @tf.autograph.experimental.do_not_convert
    def forward_to_top(
        self, x: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """As `forward_and_log_det`, and the top latent before its prior whitens it.

        Args:
          x: Continuous images, `[B, H, W, C]`.
          labels: int `[B]`, for a conditional model.

        Returns:
          The latent `[B, D]`, log |det| `[B]` and the top latent `[B, h, w, c]`.
        """
        x = tf.ensure_shape(x, [None, *self._config.image_shape])
        # A log-det that no layer makes depend on the image is [] until here.
        log_det = tf.zeros(tf.shape(x)[:1], self.dtype)
        latents = []
        for level, chain in enumerate(self._chains):
            x, _ = self.squeeze.forward_and_log_det(x)  # [B, H/2, W/2, 4C]
            x, steps_log_det = chain.forward_and_log_det(x)
            log_det += steps_log_det
            if level < len(self.splits):
                x, eps, split_log_det = self.splits[level].split(x)  # x: half the channels
                log_det += split_log_det
                latents.append(eps)
        eps, top_log_det = self.top_prior.forward_and_log_det(x, **_given(labels))
        return _flatten_latents([*latents, eps]), log_det + top_log_det, x

    def _forward_and_log_det(self, x, labels=None):
        latent, log_det, _ = self.forward_to_top(x, labels)
        return latent, log_det

    def _inverse_and_log_det(self, y, labels=None):
        y = tf.ensure_shape(y, [None, self._config.num_dims])
        *latents, eps = self._unflatten_latents(y)
        x, log_det = self.top_prior.inverse_and_log_det(eps, **_given(labels))
        log_det += tf.zeros(tf.shape(y)[:1], self.dtype)
        for level, chain in reversed(list(enumerate(self._chains))):
            if level < len(self.splits):
                x, split_log_det = self.splits[level].merge(x, latents[level])
                log_det += split_log_det
            x, steps_log_det = chain.inverse_and_log_det(x)
            log_det += steps_log_det
            x, _ = self.squeeze.inverse_and_log_det(x)  # [B, 2H, 2W, C/4]
        return x, log_det

    def _make_step(self, level, k, channels, common):
        config, name = self._config, f"level{level}_step{k}"
        # One seed a step, so that every layer of a model starts differently.
        seed = (config.seed * config.levels + level) * config.steps + k
        if config.permutation == "invertible_1x1_conv":
            permutation = Invertible1x1Conv(
                channels,
                parameterization=config.parameterization,
                seed=seed,
                name=f"{name}_invertible_1x1_conv",
                **common,
            )
        elif config.permutation == "shuffle":
            permutation = ShuffleChannels(channels, seed=seed, name=f"{name}_shuffle", **common)
        else:
            permutation = ReverseChannels(name=f"{name}_reverse", **common)
        coupling_class = AffineCoupling if config.coupling == "affine" else AdditiveCoupling
        half = channels // 2
        network = CouplingNetwork(
            half,
            half * coupling_class.outputs_per_channel,
            config.width,
            seed=seed,
            dtype=config.precision,
            name=f"{name}_network",
        )
        return FlowStep(
            ActNorm(channels, name=f"{name}_actnorm", **common),
            permutation,
            coupling_class(network, name=f"{name}_{config.coupling}_coupling", **common),
            name=name,
            **common,
        )

    def _layers(self) -> Iterator[tuple[str, OnePassBijector]]:
        for level, steps in enumerate(self.steps):
            yield f"level{level}_squeeze", self.squeeze
            for step in steps:
                for part in (step.actnorm, step.permutation, step.coupling):
                    yield part.name, part
            if level < len(self.splits):
                yield self.splits[level].name, self.splits[level]
        yield self.top_prior.name, self.top_prior

    def _unflatten_latents(self, latent):
        """`[B, D]` → each level's ε, `[B, h, w, c]`."""
        sizes = [math.prod(shape) for shape in self._latent_shapes]
        parts = tf.split(latent, sizes, axis=-1)
        return [
            tf.reshape(part, [-1, *shape])
            for part, shape in zip(parts, self._latent_shapes, strict=True)
        ]

    def _check_event_shape(self, event_shape):
        expected = self._config.image_shape if event_shape.rank == 3 else (self._config.num_dims,)
        if not event_shape.is_compatible_with(expected):
            raise ValueError(
                f"{self.name} was built for events of shape {tuple(expected)}, got {event_shape}."
            )

    def _forward_event_shape(self, input_shape):
        self._check_event_shape(input_shape[-3:])
        return input_shape[:-3].concatenate([self._config.num_dims])

    def _inverse_event_shape(self, output_shape):
        self._check_event_shape(output_shape[-1:])
        return output_shape[:-1].concatenate(self._config.image_shape)

    def _forward_event_shape_tensor(self, input_shape):
        return tf.concat([input_shape[:-3], [self._config.num_dims]], axis=0)

    def _inverse_event_shape_tensor(self, output_shape):
        return tf.concat([output_shape[:-1], self._config.image_shape], axis=0)


def _latent_shapes(config):
    shapes = []
    for level in range(config.levels):
        height, width, channels = config.level_shape(level)
        leaves = channels if level == config.levels - 1 else channels // 2
        shapes.append((height, width, leaves))
    return shapes


def _flatten_latents(latents):
    """Each level's ε, `[B, h, w, c]` → `[B, D]`."""
    flat = [tf.reshape(eps, [-1, math.prod(eps.shape[1:])]) for eps in latents]
    return tf.concat(flat, axis=-1)


def _given(labels):
    return {} if labels is None else {"labels": labels}
