"""ModelService: GetModelStatus."""

from __future__ import annotations

import time

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from serving.embedded.answering import answering
from serving.embedded.errors import RequestError, invalid_argument
from serving.embedded.metrics import Metrics
from serving.embedded.versions import VersionManager


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Reports the state of the model's versions."""

    def __init__(self, model_name: str, versions: VersionManager, metrics: Metrics):
        self._model_name = model_name
        self._versions = versions
        self._metrics = metrics

    async def GetModelStatus(self, request, context):
        """The state of one version, or of all, the latest first."""
        async with answering(context, self._metrics, time.monotonic()) as call:
            call.signature = "GetModelStatus"
            return self._status(request)

    def _status(self, request) -> get_model_status_pb2.GetModelStatusResponse:
        if not request.HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        spec = request.model_spec
        if spec.WhichOneof("version_choice") == "version_label":
            raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
        statuses = self._versions.statuses() if spec.name == self._model_name else {}
        if spec.HasField("version"):
            wanted = spec.version.value
            statuses = {v: s for v, s in statuses.items() if v == wanted}
            missing = f"Could not find version {wanted} of model {spec.name}"
        else:
            missing = f"Could not find any versions of model {spec.name}"
        if not statuses:
            raise RequestError(grpc.StatusCode.NOT_FOUND, missing)
        response = get_model_status_pb2.GetModelStatusResponse()
        for version, status in statuses.items():
            entry = response.model_version_status.add(version=version, state=status.state)
            entry.status.error_code = status.error_code
            entry.status.error_message = status.error_message
        return response
