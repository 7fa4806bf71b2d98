"""The prior of the last level's latent."""

import tensorflow as tf

from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.bijectors.whitening import unwhiten, whiten
from tfglow.checks import check_bool, check_integer
from tfglow.networks import ScaledDense, scale
from tfglow.ops import shapes
from tfglow.ops.edge_channel import edge_response


class TopPrior(OnePassBijector):
    """Whitens the last level's output: ε = (z − μ)/σ on `[H, W, C]`, log |det| = −Σ log σ (nats).

    [μ, log σ], the two halves of 2C channels, are the sum of
    - with `learn_top`: a 3×3 convolution of an image of zeros, (edge + b)·exp(3·logs). Only the
      part of its kernel that sees the image's edge is held: in the official code the other
      weights are multiplied by zeros and never get a gradient;
    - with `num_classes`: a linear map of the one-hot label.
    All start at zero, so the prior starts as N(0, I). Without either it stays there.

    Args:
      num_channels: C, the channels of an event.
      learn_top: Whether the part that does not depend on the label is learned.
      num_classes: Number of classes; 0 for a prior without labels.
      dtype: Dtype of the variables and of the event.
      validate_args: Whether to check at run time that inputs are finite and labels in range.
      name: Name of the bijector.

    Raises:
      ValueError: If `num_channels` is not positive or `num_classes` negative; in a map, if
        `labels` are missing from a conditional prior or given to an unconditional one.

    Example:
      >>> prior = tfglow.bijectors.TopPrior(4, num_classes=10)
      >>> z = tf.random.stateless_normal([2, 2, 2, 4], seed=[1, 2])
      >>> np.array_equal(prior.forward(z, labels=[3, 7]), z)  # It starts as N(0, I).
      True
    """

    num_channels: int  # Never None here.

    def __init__(
        self,
        num_channels: int,
        learn_top: bool = True,
        num_classes: int = 0,
        dtype: tf.DType = tf.float32,
        validate_args: bool = False,
        name: str = "top_prior",
    ):
        parameters = dict(locals())
        num_classes = check_integer("num_classes", num_classes, 0)
        super().__init__(
            parameters=parameters,
            num_channels=num_channels,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=not num_classes,
            name=name,
        )
        learn_top = check_bool("learn_top", learn_top, name)
        self.learn_top = learn_top
        self.num_classes = num_classes
        outputs = 2 * self.num_channels
        if learn_top:
            self.edge_kernel = tf.Variable(tf.zeros([3, 3, 1, outputs], dtype), name="edge_kernel")
            self.b = tf.Variable(tf.zeros([outputs], dtype), name="b")
            self.logs = tf.Variable(tf.zeros([outputs], dtype), name="logs")
        if num_classes:
            # The linear map of the one-hot label, [B, num_classes] → [B, 2C].
            self.label_embedding = ScaledDense(num_classes, outputs, dtype, name="label_embedding")

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The prior's own variables by name, and the label embedding's: `label_embedding/b`."""
        named: dict[str, tf.Variable] = {}
        if self.learn_top:
            named.update(edge_kernel=self.edge_kernel, b=self.b, logs=self.logs)
        if self.num_classes:
            embedding = self.label_embedding.named_variables
            named.update({f"label_embedding/{name}": v for name, v in embedding.items()})
        return named

    def mean_and_log_scale(
        self, height: int | tf.Tensor, width: int | tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """μ and log σ of events of `[height, width, C]`, `[1 or B, H or 1, W or 1, C]` each."""
        parameters = tf.zeros([1, 1, 1, 2 * self.num_channels], self.dtype)
        if self.learn_top:
            edge = edge_response(self.edge_kernel, height, width)  # [1, H, W, 2C]
            parameters += (edge + self.b) * tf.exp(scale.log_scale(self.logs))
        if self.num_classes:
            one_hot = tf.one_hot(labels, self.num_classes, dtype=self.dtype)
            parameters += self.label_embedding(one_hot)[:, None, None, :]  # [B, 1, 1, 2C]
        mean, log_scale = tf.split(parameters, 2, axis=-1)
        return mean, log_scale

    def whiten(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """ε `[B, H, W, C]` and log σ, which broadcasts to it; see `mean_and_log_scale`."""
        mean, log_scale = self._moments(z, labels)
        return whiten(z, mean, log_scale), log_scale

    def unwhiten(
        self, eps: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """z `[B, H, W, C]` and log σ, which broadcasts to it; see `mean_and_log_scale`."""
        mean, log_scale = self._moments(eps, labels)
        return unwhiten(eps, mean, log_scale), log_scale

    def _forward_and_log_det(self, x, labels=None):
        eps, log_scale = self.whiten(x, labels)
        return eps, -self._sum(log_scale, x)

    def _inverse_and_log_det(self, y, labels=None):
        z, log_scale = self.unwhiten(y, labels)
        return z, self._sum(log_scale, y)

    def _moments(self, z, labels):
        if self.num_classes and labels is None:
            raise ValueError(
                f"{self.name} is conditional on {self.num_classes} classes and needs `labels`."
            )
        if labels is not None and not self.num_classes:
            raise ValueError(f"{self.name} is unconditional (num_classes = 0); got `labels`.")
        if self.num_classes:
            labels = tf.cast(labels, tf.int32)
            if self.validate_args:
                message = f"A label is not in [0, {self.num_classes})."
                low = tf.debugging.assert_non_negative(labels, message)
                high = tf.debugging.assert_less(labels, self.num_classes, message)
                with tf.control_dependencies([c for c in (low, high) if c is not None]):
                    labels = tf.identity(labels)
        height, width = shapes.shape_list(z)[1:3]
        return self.mean_and_log_scale(height, width, labels)

    def _sum(self, log_scale, z):
        """Σ log σ over an event, `[B]`, or `[]` where it is the same for all."""
        total = sum_over_image(log_scale, *shapes.shape_list(z)[1:3])
        return total if self.num_classes else total[0]


def sum_over_image(
    log_scale: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor
) -> tf.Tensor:
    """Σ over H, W and C of `[1 or B, H or 1, W or 1, C]`, `[1 or B]`."""
    rows, _, _, channels = shapes.shape_list(log_scale)
    return tf.reduce_sum(tf.broadcast_to(log_scale, [rows, height, width, channels]), [1, 2, 3])
