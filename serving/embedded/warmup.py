"""Replays a version's warm-up requests before it is available."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from serving.embedded.errors import RequestError
from serving.embedded.predict_request import check_predict_request
from serving.embedded.servable import Servable

# As in TF Serving's `saved_model_warmup_util.cc`.
WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
_MAX_RECORDS = 1000


def warm_up(servable: Servable, version_folder: Path, max_rows: int) -> int:
    """Runs every recorded request once, and returns how many there were.

    Raises:
      ValueError: a file that is no record of PredictionLogs, more than 1,000 of them, or a
        request that the model refuses: as in TF Serving, the version then does not load.
    """
    count = 0
    for count, request in enumerate(_requests(version_folder / WARMUP_FILE), 1):
        if count > _MAX_RECORDS:
            raise ValueError(f"{WARMUP_FILE} has more than {_MAX_RECORDS} records")
        try:
            signature = servable.signature(request.model_spec.signature_name)
            checked = check_predict_request(request, signature, max_rows)
            servable.run(signature, checked.feeds, None)
        except RequestError as error:
            raise ValueError(f"warm-up request {count} failed: {error.message}") from error
    return count


def _requests(path: Path) -> Iterator[predict_pb2.PredictRequest]:
    if not path.exists():
        return
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            if not log.HasField("predict_log"):
                kind = log.WhichOneof("log_type")
                raise ValueError(f"{WARMUP_FILE} has a {kind}, only predict_log is replayed")
            yield log.predict_log.request
    except (tf.errors.OpError, DecodeError) as error:
        raise ValueError(f"{WARMUP_FILE} is not a file of PredictionLog records") from error
