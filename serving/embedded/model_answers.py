"""What is known of a model and its versions, as TF Serving's messages; for both protocols."""

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from serving.embedded.request_checks import invalid_argument, not_found
from serving.embedded.servable import Servable
from serving.embedded.versions import VersionManager


def check_label(label: str) -> None:
    """Refuses a label, which a client gives in place of a version.

    Labels come from a model configuration file, which this server does not have.

    Raises:
      RequestError: INVALID_ARGUMENT, always.
    """
    raise invalid_argument(f"Unrecognized servable version label: {label}")


def model_status(
    versions: VersionManager, model_name: str, name: str, version: int | None
) -> get_model_status_pb2.GetModelStatusResponse:
    """The state of one version, or of all, the latest first.

    Args:
      versions: The server's versions.
      model_name: The server's model.
      name: The model that is asked for.
      version: The version that is asked for; None for all.

    Raises:
      RequestError: NOT_FOUND, if there is no such model or version.
    """
    statuses = versions.statuses() if name == model_name else {}
    if version is not None:
        statuses = {v: status for v, status in statuses.items() if v == version}
    if not statuses:
        sought = "any versions" if version is None else f"version {version}"
        raise not_found(f"Could not find {sought} of model {name}")
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, status in statuses.items():
        entry = response.model_version_status.add(version=number, state=status.state)
        entry.status.error_code = status.error_code
        entry.status.error_message = status.error_message
    return response


def model_metadata(
    name: str, servable: Servable
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """The signatures of the version that answers."""
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = servable.version
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signature_defs)
    response.metadata["signature_def"].Pack(signatures)
    return response
