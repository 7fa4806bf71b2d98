"""TLS for the server from TF Serving's SSLConfig file."""

from __future__ import annotations

from pathlib import Path

import grpc

from serving.embedded.text_protos import SSLConfig, read_text_proto


def server_credentials(path: Path) -> grpc.ServerCredentials:
    """Credentials from a text proto whose fields hold PEM texts, as for `tensorflow_model_server`.

    Raises:
      ValueError: a file that is no SSLConfig, or one without key, certificate or the authority
        that `client_verify` needs.
    """
    config = read_text_proto(path, SSLConfig)
    for name in ("server_key", "server_cert"):
        if "-----BEGIN" not in getattr(config, name):
            raise ValueError(f"`{name}` in {path} is the PEM text itself, not a path to it")
    if config.client_verify and not config.custom_ca:
        raise ValueError(f"`client_verify` in {path} needs `custom_ca`, the clients' authority")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
