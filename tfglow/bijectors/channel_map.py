"""What the permutations share: they are linear maps of the channels."""

import abc

import tensorflow as tf

from tfglow.bijectors.one_pass_bijector import OnePassBijector


class ChannelMap(OnePassBijector):
    """The base of y = x W at every pixel of `[H, W, C]`.

    Besides the map itself a subclass gives W as a function of its variables' values. These
    functions take leading dimensions, so that one call serves many layers: `[..., C, C]`.
    """

    @property
    @abc.abstractmethod
    def weight_variables(self) -> tuple[tf.Variable, ...]:
        """What W is a function of."""

    @abc.abstractmethod
    def weight_from(self, num_channels: int, *values: tf.Tensor) -> tf.Tensor:
        """W for values of `weight_variables`, `[..., C, C]`."""

    @abc.abstractmethod
    def inverse_weight_from(self, num_channels: int, *values: tf.Tensor) -> tf.Tensor:
        """W⁻¹ for values of `weight_variables`, `[..., C, C]`."""

    @abc.abstractmethod
    def log_abs_det_from(self, *values: tf.Tensor) -> tf.Tensor:
        """log |det W| for values of `weight_variables` (nats), `[...]`."""
