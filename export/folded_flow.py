"""The whole flow for inference."""

import math

import tensorflow as tf

from export.folded_split import FoldedSplit
from export.folded_step import FoldedStep
from export.folding import FlowWeights
from tfglow.bijectors import Squeeze


class FoldedFlow(tf.Module):
    """A `GlowFlow` of folded weights: continuous images `[N, H, W, C]` ↔ latents `[N, D]`.

    Tracing it leaves plain operations on this module's variables, and nothing of tfglow.

    Args:
      weights: What `fold` returned.
      dtype: Of the flow, its variables and its log-dets.
      network_dtype: Of the coupling networks' convolutions and their weights.
      name: Of the module.
    """

    def __init__(
        self,
        weights: FlowWeights,
        dtype: tf.DType = tf.float32,
        network_dtype: tf.DType = tf.float32,
        name: str = "flow",
    ):
        super().__init__(name=name)
        self._log_det = weights.log_det
        self._latent_shapes = tuple(weights.latent_shapes)
        self.steps = [
            [
                FoldedStep(step, dtype, network_dtype, name=f"level{level}_step{k}")
                for k, step in enumerate(steps)
            ]
            for level, steps in enumerate(weights.steps)
        ]
        self.splits = [
            FoldedSplit(split, dtype, name=f"level{level}_split")
            for level, split in enumerate(weights.splits)
        ]
        self.top = tf.Variable(weights.top, trainable=False, dtype=dtype, name="top")
        self.labels = None
        if weights.labels is not None:
            self.labels = tf.Variable(weights.labels, trainable=False, dtype=dtype, name="labels")

    def forward(self, x: tf.Tensor, label: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """The latent `[N, D]` and log |det| `[N]` (nats).

        Args:
          x: Continuous images, `[N, H, W, C]`.
          label: int `[N]`, in range, for a conditional model.
        """
        latents = []
        log_det = tf.fill([tf.shape(x)[0]], tf.constant(self._log_det, x.dtype))
        for level, steps in enumerate(self.steps):
            x, _ = Squeeze(dtype=x.dtype).forward_and_log_det(x)  # [N, H/2, W/2, 4C]
            minus_log_scales = []
            for step in steps:
                x, minus_log_scale = step.forward(x)
                minus_log_scales.append(minus_log_scale)
            if minus_log_scales[0] is not None:
                # Steps first, then pixels: sums of whole tensors are cheaper than reductions.
                log_det -= tf.reduce_sum(tf.add_n(minus_log_scales), axis=[1, 2, 3])
            if level < len(self.splits):
                x, eps, split_log_det = self.splits[level].split(x)
                log_det += split_log_det
                latents.append(_flatten(eps))
        mean, log_scale = self._top_mean_and_log_scale(label)
        latents.append(_flatten((x - mean) * tf.exp(-log_scale)))
        return tf.concat(latents, axis=-1), log_det - tf.reduce_sum(log_scale, axis=[1, 2, 3])

    def inverse(self, latent: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """Continuous images `[N, H, W, C]` of latents `[N, D]`; `label` as for `forward`."""
        parts = tf.split(latent, [math.prod(shape) for shape in self._latent_shapes], axis=-1)
        *latents, eps = (
            tf.reshape(part, [-1, *shape])
            for part, shape in zip(parts, self._latent_shapes, strict=True)
        )
        mean, log_scale = self._top_mean_and_log_scale(label)
        x = eps * tf.exp(log_scale) + mean
        for level, steps in reversed(list(enumerate(self.steps))):
            if level < len(self.splits):
                x = self.splits[level].merge(x, latents[level])
            for step in reversed(steps):
                x = step.inverse(x)
            x, _ = Squeeze(dtype=x.dtype).inverse_and_log_det(x)  # [N, 2H, 2W, C/4]
        return x

    def _top_mean_and_log_scale(self, label):
        """μ and log σ of the top latent, `[1 or N, h, w, c]` each."""
        moments = tf.convert_to_tensor(self.top)
        if self.labels is not None:
            moments += tf.gather(self.labels, label)[:, None, None, :]
        return tf.split(moments, 2, axis=-1)


def _flatten(eps: tf.Tensor) -> tf.Tensor:
    return tf.reshape(eps, [-1, math.prod(eps.shape[1:])])
