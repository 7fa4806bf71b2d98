"""The prior of the last level's latent."""

import tensorflow as tf

from tfglow.bijectors.coupling import named_network_variables
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.networks import LOG_SCALE_FACTOR, ScaledDense
from tfglow.ops import shapes
from tfglow.ops.edge_channel import edge_response


class TopPrior(OnePassBijector):
    """Whitens the last level's output: ε = (z − μ)/σ on `[H, W, C]`, log |det| = −Σ log σ (nats).

    [μ, log σ], the two halves of 2C channels, are the sum of
    - with `learn_top`: a 3×3 convolution over zeros, (edge + b)·exp(3·logs), of which only what
      the image's edge adds is left: the official code trains the same function with a kernel
      whose other weights never get a gradient;
    - with `num_classes`: a linear map of the one-hot label.
    All start at zero, so the prior starts as N(0, I). Without either it stays there.

    Args:
      num_channels: C.
      learn_top: Whether μ and σ are learned apart from the label.
      num_classes: Number of classes; 0 for no label.
      dtype: Of the variables and of the event.
      validate_args: Whether to check at run time that inputs are finite and labels in range.
      name: Of the bijector.

    Raises:
      ValueError: If `num_channels` is not positive or `num_classes` negative; in a map, if
        `labels` are missing from a conditional prior or given to an unconditional one.
    """

    def __init__(
        self,
        num_channels,
        learn_top=True,
        num_classes=0,
        dtype=tf.float32,
        validate_args=False,
        name="top_prior",
    ):
        parameters = dict(locals())
        super().__init__(
            parameters=parameters,
            num_channels=num_channels,
            dtype=dtype,
            validate_args=validate_args,
            is_constant_jacobian=not num_classes,
            name=name,
        )
        if not isinstance(num_classes, int) or num_classes < 0:
            raise ValueError(f"`num_classes` must be an integer >= 0, got {num_classes!r}.")
        self._learn_top = learn_top
        self._num_classes = num_classes
        outputs = 2 * num_channels
        if learn_top:
            self.edge_kernel = tf.Variable(tf.zeros([3, 3, 1, outputs], dtype), name="edge_kernel")
            self.b = tf.Variable(tf.zeros([outputs], dtype), name="b")
            self.logs = tf.Variable(tf.zeros([outputs], dtype), name="logs")
        if num_classes:
            embedding = ScaledDense(
                num_classes, outputs, dtype=tf.as_dtype(dtype).name, name="label_embedding"
            )
            self._label_embedding = self._no_dependency(embedding)
            self._label_variables = list(named_network_variables(embedding).values())

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The prior's own variables by name, the label embedding's by path."""
        named = {}
        if self._learn_top:
            named.update(edge_kernel=self.edge_kernel, b=self.b, logs=self.logs)
        if self._num_classes:
            named.update(named_network_variables(self._label_embedding))
        return named

    @property
    def label_embedding(self) -> ScaledDense:
        """The linear map of the one-hot label, `[B, num_classes] → [B, 2C]`."""
        return self._label_embedding

    def mean_and_log_scale(self, z: tf.Tensor, labels: tf.Tensor | None = None):
        """μ and log σ for events like `z` `[B, H, W, C]`; `[1 or B, H or 1, W or 1, C]` each."""
        parameters = tf.zeros([1, 1, 1, 2 * self.num_channels], self.dtype)
        if self._learn_top:
            edge = edge_response(self.edge_kernel, z)
            parameters += (edge + self.b) * tf.exp(LOG_SCALE_FACTOR * self.logs)
        if self._num_classes:
            one_hot = tf.one_hot(labels, self._num_classes, dtype=self.dtype)
            parameters += self._label_embedding(one_hot)[:, None, None, :]  # [B, 1, 1, 2C]
        return tf.split(parameters, 2, axis=-1)

    def _forward_and_log_det(self, x, labels=None):
        mean, log_scale = self._checked(x, labels)
        return (x - mean) * tf.exp(-log_scale), -self._sum(log_scale, x)

    def _inverse_and_log_det(self, y, labels=None):
        mean, log_scale = self._checked(y, labels)
        return y * tf.exp(log_scale) + mean, self._sum(log_scale, y)

    def _checked(self, z, labels):
        if self._num_classes and labels is None:
            raise ValueError(
                f"{self.name} is conditional on {self._num_classes} classes and needs `labels`."
            )
        if labels is not None and not self._num_classes:
            raise ValueError(f"{self.name} is unconditional (num_classes = 0); got `labels`.")
        if self._num_classes:
            labels = tf.cast(labels, tf.int32)
            if self.validate_args:
                message = f"A label is not in [0, {self._num_classes})."
                low = tf.debugging.assert_non_negative(labels, message)
                high = tf.debugging.assert_less(labels, self._num_classes, message)
                with tf.control_dependencies([c for c in (low, high) if c is not None]):
                    labels = tf.identity(labels)
        return self.mean_and_log_scale(z, labels)

    def _sum(self, log_scale, z):
        """Σ log σ over an event, `[B]`, or `[]` where it is the same for all."""
        height, width = shapes.shape_list(z)[1:3]
        log_scale = tf.broadcast_to(
            log_scale, [shapes.shape_list(log_scale)[0], height, width, self.num_channels]
        )
        total = tf.reduce_sum(log_scale, axis=[1, 2, 3])
        return total if self._num_classes else total[0]
