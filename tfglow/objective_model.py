"""A Keras model that trains on an objective of its own."""

import abc
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfglow.keras_backend import keras


class Batch(NamedTuple):
    """What a step takes."""

    images: tf.Tensor
    # Of conditional models.
    labels: tf.Tensor | None
    # To dequantise with; None draws it.
    noise: tf.Tensor | None


class ObjectiveModel(keras.Model, abc.ABC):
    """A model whose loss is the mean of its `objective`, not of targets and predictions.

    `fit`, `evaluate` and the `…_on_batch` methods take images, or images and labels, as any Keras
    model does: arrays, `tf.data`, generators or `PyDataset`s. They and `predict` also take
    dictionaries with the keys of `datasets.ImageData.batches`: `image`, `label` and `noise`, of
    which an unconditional model leaves `label` aside. `predict` takes labels from a data set of
    pairs, or as `predict([images, labels])`; it dequantises at bin centres, as `call` does.

    Penalties of variables' regularizers are added to the loss.

    Args:
      terms: Names of what `objective` returns, `loss` among them: the metrics of `fit`.
      inputs: The images' and, for a conditional model, the labels' shape and dtype.
      **kwargs: Arguments of `keras.Model`.
    """

    def __init__(self, terms: Sequence[str], inputs: Sequence[keras.InputSpec], **kwargs: Any):
        super().__init__(**kwargs)
        self._input_specs = list(inputs)
        self._means = [keras.metrics.Mean(name=name) for name in terms]

    @abc.abstractmethod
    def objective(
        self, images: tf.Tensor, labels: tf.Tensor | None = None, noise: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """What training minimises, `loss`, and its parts, each `[B]`."""

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: None = None,
        loss_weights: None = None,
        metrics: None = None,
        weighted_metrics: None = None,
        **kwargs: Any,
    ) -> None:
        """Configures training: `optimizer`, and what else `keras.Model.compile` takes.

        Raises:
          ValueError: If a loss or metrics are given: the model has its own.
        """
        given = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        for name, value in given.items():
            if value:
                own = ", ".join(mean.name for mean in self._means)
                raise ValueError(
                    f"{type(self).__name__} has a loss and metrics of its own ({own}): compile "
                    f"without `{name}`, got {value!r}."
                )
        super().compile(optimizer, **kwargs)

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Keras's `fit`. Weights of images or classes are refused.

        Raises:
          ValueError: If there are any: without labels, Keras itself would drop them in silence.
        """
        self._check_weights(kwargs)
        return super().fit(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's `evaluate`. Weights of images are refused, as by `fit`."""
        self._check_weights(kwargs)
        return super().evaluate(*args, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as a saved model was; Keras calls it when it loads one."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def make_train_function(self, force: bool = False) -> Any:
        """Keras's. A first step that made the optimizer's variables would be traced twice."""
        variables = self.trainable_variables
        if self.built and variables and not self.optimizer.built:
            self.optimizer.build(variables)
        return super().make_train_function(force)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step of `fit`. The loss is divided by the replicas, whose gradients are summed."""
        batch = self._unpacked(data)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape() as tape:
            terms = self._terms(batch)
            # The mean, and 0 for the empty rest of a last batch that is smaller than the replicas.
            total, count = tf.reduce_sum(terms["loss"]), tf.size(terms["loss"])
            loss = tf.math.divide_no_nan(total, tf.cast(count, total.dtype)) / replicas
            loss = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        if variables:
            gradients = tape.gradient(loss, [v.value for v in variables])
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        else:
            warnings.warn(
                f"{self.name} has no trainable variables: training changes nothing.", stacklevel=2
            )
        return self._update_metrics(terms)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step of `evaluate`."""
        return self._update_metrics(self._terms(self._unpacked(data)))

    def predict_step(self, data: Any) -> tf.Tensor:
        """One step of `predict`: `call` of images and, if the model is conditional, labels."""
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        # As Keras does, targets are left aside, unless they are the model's condition.
        images, labels, _ = self._unpacked((images, labels if self._conditional else None))
        return self(images) if labels is None else self(images, labels)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """What `fit` and `evaluate` report, and start anew at every epoch."""
        return self._means

    def export(self, filepath: Any, *args: Any, input_signature: Any = None, **kwargs: Any) -> None:
        """Keras's export of `call`: images and, for a conditional model, labels to latents."""
        signature = self._input_specs if input_signature is None else input_signature
        super().export(filepath, *args, input_signature=signature, **kwargs)

    def add_loss(self, loss: Any) -> None:
        """Refused: the loss is the objective's.

        Raises:
          ValueError: Always.
        """
        raise ValueError(
            f"{type(self).__name__}'s loss is its objective's: add to it in a subclass's "
            f"`objective`, not by `add_loss`; got {loss!r}."
        )

    def quantize(self, mode: str | None = None, config: Any = None, **kwargs: Any) -> None:
        """Refused: the flow inverts to the byte in its own precision alone.

        Raises:
          ValueError: Always.
        """
        raise ValueError(
            f"{type(self).__name__} cannot be quantised, as its maps must invert; got {mode!r}."
        )

    @property
    def _conditional(self):
        return len(self._input_specs) > 1

    def _terms(self, batch):
        terms = self.objective(*batch)
        for penalty in self.losses:
            terms = {**terms, "loss": terms["loss"] + tf.cast(penalty, terms["loss"].dtype)}
        return terms

    def _update_metrics(self, terms):
        for mean in self._means:
            mean.update_state(terms[mean.name])
        return {mean.name: mean.result() for mean in self._means}

    def _check_weights(self, arguments):
        for name in ("sample_weight", "class_weight"):
            if arguments.get(name) is not None:
                raise ValueError(
                    f"{type(self).__name__} takes no sample weights and no class weights, got "
                    f"{name}={arguments[name]!r}."
                )

    def _unpacked(self, data):
        """Keras's x, y and sample_weight as a `Batch`."""
        x, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self._check_weights({"sample_weight": sample_weight})
        if isinstance(x, Mapping):
            images, inner_labels, noise = _from_dictionary(x)
            if not self._conditional:
                inner_labels = None
        elif isinstance(x, (tuple, list)):
            images, inner_labels = _from_sequence(x)
            noise = None
        else:
            return Batch(x, labels, None)
        if inner_labels is not None:
            if labels is not None:
                raise ValueError("Labels are given twice: beside the images and as `y`.")
            labels = inner_labels
        return Batch(images, labels, noise)


_KEYS = ("image", "label", "noise")


def _from_dictionary(x):
    if "image" not in x or set(x) - set(_KEYS):
        raise ValueError(
            "A batch that is a dictionary has the key `image`, and may have `label` and `noise`; "
            f"got {sorted(x)}."
        )
    return tuple(x.get(key) for key in _KEYS)


def _from_sequence(x):
    if len(x) not in (1, 2):
        raise ValueError(f"A batch is images, or images and labels; got {len(x)} tensors.")
    return (*x, None)[:2]
