"""Recorded requests, as an export has them."""

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfglow.saved_format import WARMUP_FILE


def write_warmup(folder, *requests):
    """Writes the file of recorded requests into a version's folder."""
    path = folder / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())
