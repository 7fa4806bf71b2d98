"""PredictionService: Predict and GetModelMetadata."""

from __future__ import annotations

import asyncio
import time

import numpy as np
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.bad_rows import describe, first_bad_row
from serving.embedded.answering import answering
from serving.embedded.errors import deadline_exceeded, invalid_argument
from serving.embedded.metrics import Metrics
from serving.embedded.predict_request import check_predict_request
from serving.embedded.requested_model import requested_version
from serving.embedded.scheduler import Scheduler
from serving.embedded.servable import Servable
from serving.embedded.task import Task
from serving.embedded.versions import VersionManager
from serving.tensors import to_proto


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers Predict through the scheduler, and GetModelMetadata from the loaded version."""

    def __init__(
        self,
        model_name: str,
        versions: VersionManager,
        scheduler: Scheduler,
        metrics: Metrics,
        max_rows: int,
    ):
        self._model_name = model_name
        self._versions = versions
        self._scheduler = scheduler
        self._metrics = metrics
        self._max_rows = min(max_rows, scheduler.max_rows or max_rows)

    async def Predict(self, request, context):
        """Runs one signature on the request's rows."""
        started = time.monotonic()
        left = context.time_remaining()
        async with answering(context, self._metrics, started) as call:
            version = requested_version(request, self._model_name)
            with self._versions.lease(version) as servable:
                signature = servable.signature(request.model_spec.signature_name)
                call.signature = signature.name
                deadline = None if left is None else started + left
                outputs = await self._run(request, servable, signature, deadline)
                return _response(self._model_name, servable.version, signature.name, outputs)

    async def GetModelMetadata(self, request, context):
        """Returns the signatures of the version that answers."""
        async with answering(context, self._metrics, time.monotonic()) as call:
            call.signature = "GetModelMetadata"
            version = requested_version(request, self._model_name)
            if not request.metadata_field:
                raise invalid_argument(
                    "GetModelMetadataRequest must specify at least one metadata_field"
                )
            for field in request.metadata_field:
                if field != "signature_def":
                    raise invalid_argument(f"Metadata field {field} is not supported")
            with self._versions.lease(version) as servable:
                return _metadata(self._model_name, servable)

    async def _run(self, request, servable, signature, deadline) -> dict[str, np.ndarray]:
        checked = check_predict_request(request, signature, self._max_rows)
        task = Task(servable, signature, checked.feeds, checked.rows, deadline)
        self._scheduler.submit(task)
        try:
            # A client that leaves cancels this coroutine, and with it a task that still waits.
            outputs = await asyncio.wait_for(asyncio.wrap_future(task.result), task.seconds_left())
        except TimeoutError:
            raise deadline_exceeded("the deadline passed during the computation") from None
        row = first_bad_row(outputs["valid"]) if "valid" in outputs else None
        if row is not None:
            raise invalid_argument(f"row {row}: {describe(checked.feeds, row)}", row)
        return {alias: outputs[alias] for alias in checked.outputs}


def _response(
    model_name: str, version: int, signature_name: str, outputs: dict[str, np.ndarray]
) -> predict_pb2.PredictResponse:
    response = predict_pb2.PredictResponse()
    response.model_spec.CopyFrom(_model_spec(model_name, version))
    response.model_spec.signature_name = signature_name
    for alias, value in outputs.items():
        response.outputs[alias].CopyFrom(to_proto(value))
    return response


def _metadata(
    model_name: str, servable: Servable
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.CopyFrom(_model_spec(model_name, servable.version))
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signature_defs)
    response.metadata["signature_def"].Pack(signatures)
    return response


def _model_spec(model_name: str, version: int) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=model_name)
    spec.version.value = version
    return spec
