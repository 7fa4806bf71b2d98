"""Requests that a server replays before a version is available."""

import os
from collections.abc import Mapping

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

# Where TensorFlow Serving looks for them, in a version's folder.
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def smallest_inputs(function: tf.types.experimental.ConcreteFunction) -> dict[str, tf.Tensor]:
    """One row of zeros for each input of a signature: a request that every model answers."""
    arguments, _ = function.structured_input_signature
    # An unconditional model's `label` is None.
    specs = [spec for spec in arguments if spec is not None]
    return {spec.name: tf.zeros([1, *spec.shape[1:]], spec.dtype) for spec in specs}


def write_warmup_requests(
    path: str | os.PathLike, functions: Mapping[str, tf.types.experimental.ConcreteFunction]
) -> None:
    """Writes one `PredictionLog` for each signature, so that no client waits for its first run.

    Args:
      path: The file, a TFRecord.
      functions: The signatures by name.
    """
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for name, function in functions.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "glow"
            request.model_spec.signature_name = name
            for key, tensor in smallest_inputs(function).items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(tensor))
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
