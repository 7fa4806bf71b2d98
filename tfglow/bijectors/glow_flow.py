"""The whole multi-scale flow."""

import tensorflow as tf

from tfglow.bijectors import multi_scale
from tfglow.bijectors.flow_steps import FlowSteps, steps_as_calls
from tfglow.bijectors.gaussian_split import GaussianSplit
from tfglow.bijectors.level import Level
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.bijectors.top_prior import TopPrior
from tfglow.checks import check_rows
from tfglow.config import GlowConfig
from tfglow.ops import shapes
from tfglow.ops.own_graph import own_graph


class GlowFlow(OnePassBijector):
    """From continuous images to white latents, `[H, W, C] → [D]` (figure 2b).

    For each of L levels: squeeze, K flow steps, and, but for the last, a split; then the top
    prior. The latent is flat, D = H·W·C: the first level's ε first, the top last, each reshaped
    row-major. log |det| is the sum of all layers' (nats).

    Both directions take `network_dtype`, the dtype of the coupling networks' arithmetic, as an
    argument; by default it is what `config.precision` says. The weights are the same.

    Args:
      config: A `GlowConfig`.
      validate_args: Whether all layers check at run time that inputs are finite.
      name: Name of the bijector.

    Raises:
      ValueError: If an event does not have `config.image_shape`, or as `TopPrior` does of
        `labels`, which conditional models take: `forward(x, labels=labels)`.

    Example:
      >>> config = tfglow.GlowConfig(image_shape=(8, 8, 1), levels=2, steps=1, width=8)
      >>> flow = tfglow.bijectors.GlowFlow(config)
      >>> flow.forward_event_shape([8, 8, 1])
      TensorShape([64])
      >>> flow.latent_shapes  # Of the split and of the top.
      [(4, 4, 2), (2, 2, 8)]
    """

    def __init__(self, config: GlowConfig, validate_args: bool = False, name: str = "glow_flow"):
        parameters = dict(locals())
        if not isinstance(config, GlowConfig):
            raise ValueError(f"`config` of {name} must be a tfglow.GlowConfig, got {config!r}.")
        super().__init__(
            parameters=parameters,
            dtype=tf.as_dtype(config.dtype),
            validate_args=validate_args,
            inverse_event_ndims=1,
            name=name,
        )
        self.config = config
        # The dtype of the coupling networks' arithmetic, where a call names no other.
        self.network_dtype = tf.bfloat16 if config.precision == "mixed_bfloat16" else self.dtype
        self.levels = [self._make_level(level) for level in range(config.levels)]
        self._traced_forward = _traced(self._walk_forward)
        self._traced_terms = _traced(self._walk_terms)
        self._traced_inverse = _traced(self._walk_inverse)
        self.top_prior = TopPrior(
            config.level_shape(config.levels - 1)[-1],
            learn_top=config.learn_top,
            num_classes=config.num_classes,
            dtype=self.dtype,
            validate_args=validate_args,
        )

    @property
    def steps(self) -> list[FlowSteps]:
        """Each level's flow steps: `steps[level][k]` is a view of one."""
        return [level.steps for level in self.levels]

    @property
    def splits(self) -> list[GaussianSplit]:
        """The splits of all levels but the last."""
        return [level.split for level in self.levels[:-1]]

    @property
    def latent_shapes(self) -> list[tuple[int, int, int]]:
        """The shape [H, W, C] of each level's ε, in the order of the flat latent."""
        *others, last = (self.config.level_shape(level) for level in range(self.config.levels))
        # Half of the channels leave, but of the last level all.
        return [*((height, width, channels // 2) for height, width, channels in others), last]

    @property
    def layers(self) -> list[tuple[str, OnePassBijector]]:
        """Every layer with its name, in the order from data to latent; of flow steps, views."""
        layers = [layer for level in self.levels for layer in level.layers]
        return [*layers, (self.top_prior.name, self.top_prior)]

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """Every variable by level, layer and kind: `level0/steps/actnorm/logs`."""
        parts = {level.name: level for level in self.levels} | {"top_prior": self.top_prior}
        return {
            f"{part_name}/{name}": variable
            for part_name, part in parts.items()
            for name, variable in part.named_variables.items()
        }

    def initialize(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Initialises layer by layer on one batch of continuous images, as section 3.1 does.

        Args:
          x: `[B, H, W, C]`.
          labels: int `[B]`, for a conditional model.

        Returns:
          The latent of `x`, `[B, D]`.
        """
        x = self._checked(x, 3)
        check_rows(x, self.name)
        latents = []
        for level in self.levels:
            x, eps = level.initialize(x)
            latents.append(eps)
        latents[-1], _ = self.top_prior.whiten(x, labels)
        return multi_scale.flatten_latents(latents)

    @tf.autograph.experimental.do_not_convert
    def forward_to_top(
        self, x: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """`forward_and_log_det`, and the top latent before its prior whitens it.

        Args:
          x: Continuous images, `[B, H, W, C]`.
          labels: int `[B]`, for a conditional model.

        Returns:
          The latent `[B, D]`, log |det| `[B]` and the top latent `[B, h, w, c]`.
        """
        return self._in_rows(self._run_forward, x, labels, self.network_dtype)

    @tf.autograph.experimental.do_not_convert
    def forward_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None = None,
        network_dtype: tf.DType | None = None,
    ) -> list[multi_scale.LevelTerms]:
        """The ε of each level and its log |det|, place by place; see `multi_scale.forward_terms`.

        Args:
          x: Continuous images, `[B, H, W, C]`.
          labels: int `[B]`, for a conditional model.
          network_dtype: Dtype of the coupling networks' arithmetic.
        """
        return self._in_rows(self._run_terms, x, labels, network_dtype)

    def _in_rows(self, run, x, labels, network_dtype):
        """`run`, whose outputs have a row for each of `x`, of no rows too."""
        run_rows = shapes.for_any_number_of_rows(
            lambda x, labels=None: run(x, labels, network_dtype)
        )
        x = tf.convert_to_tensor(x, self.dtype)
        return run_rows(x) if labels is None else run_rows(x, tf.convert_to_tensor(labels))

    def _forward_and_log_det(self, x, labels=None, network_dtype=None):
        latent, log_det, _ = self._run_forward(x, labels, network_dtype)
        return latent, log_det

    def _run_forward(self, x, labels=None, network_dtype=None):
        x = tf.ensure_shape(x, [None, *self.config.image_shape])
        run = self._traced_forward if self._runs_eagerly() else self._walk_forward
        return run(x, labels, network_dtype or self.network_dtype)

    def _run_terms(self, x, labels, network_dtype):
        x = tf.ensure_shape(x, [None, *self.config.image_shape])
        run = self._traced_terms if self._runs_eagerly() else self._walk_terms
        return run(x, labels, network_dtype or self.network_dtype)

    def _inverse_and_log_det(self, y, labels=None, network_dtype=None):
        y = tf.ensure_shape(y, [None, self.config.num_dims])
        run = self._traced_inverse if self._runs_eagerly() else self._walk_inverse
        return run(y, labels, network_dtype or self.network_dtype)

    def _walk_forward(self, x, labels, network_dtype):
        return multi_scale.forward(self.levels, self.top_prior, x, labels, network_dtype)

    def _walk_terms(self, x, labels, network_dtype):
        return multi_scale.forward_terms(self.levels, self.top_prior, x, labels, network_dtype)

    def _walk_inverse(self, y, labels, network_dtype):
        return multi_scale.inverse(
            self.levels, self.top_prior, y, self.latent_shapes, labels, network_dtype
        )

    def _runs_eagerly(self):
        """Whether the flow is called eagerly, and then runs as one graph, four times as fast.

        (`tf.config.run_functions_eagerly(True)` runs it operation by operation, to be debugged.)
        Eagerly in a replica it is not traced: the graph would read another replica's variables.
        """
        return tf.executing_eagerly() and not tf.distribute.has_strategy()

    def _make_level(self, level):
        config, name = self.config, f"level{level}"
        common = {"dtype": self.dtype, "validate_args": self.validate_args}
        channels = config.level_shape(level)[-1]
        steps = FlowSteps(
            config.steps,
            channels,
            coupling=config.coupling,
            permutation=config.permutation,
            parameterization=config.parameterization,
            width=config.width,
            # Every step has a seed of its own, so that all layers of a model start differently.
            seed=(config.seed * config.levels + level) * config.steps,
            recompute=config.gradient_checkpointing,
            scan=config.scan_steps,
            network_dtype=self.network_dtype,
            name=name,
            **common,
        )
        split = None
        if level < config.levels - 1:
            split = GaussianSplit(channels, name=f"{name}_split", **common)
        return Level(steps, split, name=name)

    def _check_event_shape(self, event_shape):
        expected = self.config.image_shape if event_shape.rank == 3 else (self.config.num_dims,)
        if not event_shape.is_compatible_with(expected):
            raise ValueError(
                f"{self.name} was built for events of shape {tuple(expected)}, got {event_shape}."
            )

    def _forward_event_shape(self, input_shape):
        self._check_event_shape(input_shape[-3:])
        return input_shape[:-3].concatenate([self.config.num_dims])

    def _inverse_event_shape(self, output_shape):
        self._check_event_shape(output_shape[-1:])
        return output_shape[:-1].concatenate(self.config.image_shape)

    def _forward_event_shape_tensor(self, input_shape):
        return tf.concat([input_shape[:-3], [self.config.num_dims]], axis=0)

    def _inverse_event_shape_tensor(self, output_shape):
        return tf.concat([output_shape[:-1], self.config.image_shape], axis=0)


def _traced(walk):
    """`walk` as a graph of its own, for eager callers, who wait for its first run."""

    def run(*args):
        with steps_as_calls():
            return walk(*args)

    return own_graph(run, reduce_retracing=True)
