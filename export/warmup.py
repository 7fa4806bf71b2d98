"""Requests that a server replays before a version is available."""

import os
from collections.abc import Mapping

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2


def smallest_inputs(
    functions: Mapping[str, tf.types.experimental.ConcreteFunction],
) -> dict[str, dict[str, tf.Tensor]]:
    """For each signature one row that every model answers: zeros, and for a picture a black one.

    Args:
      functions: The signatures by name, `encode` among them.
    """
    (image,) = [spec for spec in _inputs(functions["encode"]) if spec.name == "image"]

    def smallest(spec):
        if spec.dtype == tf.string:
            return tf.io.encode_png(tf.zeros([1, *image.shape[1:]], image.dtype))
        return tf.zeros([1, *spec.shape[1:]], spec.dtype)

    return {
        name: {spec.name: smallest(spec) for spec in _inputs(function)}
        for name, function in functions.items()
    }


def _inputs(function: tf.types.experimental.ConcreteFunction) -> list[tf.TensorSpec]:
    arguments, _ = function.structured_input_signature
    # An unconditional model's `label` is None.
    return [spec for spec in arguments if spec is not None]


def write_warmup_requests(
    path: str | os.PathLike, functions: Mapping[str, tf.types.experimental.ConcreteFunction]
) -> None:
    """Writes one `PredictionLog` for each signature, so that no client waits for its first run.

    Args:
      path: The file, a TFRecord.
      functions: The signatures by name.
    """
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for name, inputs in smallest_inputs(functions).items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "glow"
            request.model_spec.signature_name = name
            for key, tensor in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(tensor))
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
