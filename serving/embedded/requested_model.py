"""Which model and version a request asks for, with TF Serving's refusals (`server_core.cc`)."""

from __future__ import annotations

import grpc

from serving.embedded.errors import RequestError, invalid_argument


def requested_version(request, model_name: str) -> int | None:
    """The version that `request.model_spec` asks for, None for the latest.

    Raises:
      RequestError: INVALID_ARGUMENT for no spec, no name or any label (labels come from a model
        configuration file, which this server has not); NOT_FOUND for another model.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    spec = request.model_spec
    if not spec.name:
        raise invalid_argument("ModelSpec has no name specified.")
    if spec.WhichOneof("version_choice") == "version_label":
        raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
    version = spec.version.value if spec.HasField("version") else None
    if spec.name != model_name:
        wanted = f"Latest({spec.name})" if version is None else f"Specific({spec.name}, {version})"
        raise RequestError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")
    return version
