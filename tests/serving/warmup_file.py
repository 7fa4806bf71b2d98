"""Recorded requests, as an export has them."""

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.embedded.servable import RECORDED_REQUESTS


def write_warmup(folder, *requests):
    """Writes the file of recorded requests into a version's folder."""
    path = folder / RECORDED_REQUESTS
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())
