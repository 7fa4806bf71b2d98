"""Calls over REST, by the standard library alone."""

import base64
import http.client
import json
import os
from typing import Any

# The REST port of a real TF Serving, as host:port.
TF_SERVING_REST_VARIABLE = "TFGLOW_TF_SERVING_REST"


class RestCalls:
    """The REST API at host:port, of a model called `glow`."""

    def __init__(self, address: str):
        self.address = address

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status, and the body as JSON; what is sent is JSON too unless it is bytes."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, raw, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            if answer.headers.get_content_type() != "application/json":
                raise AssertionError(f"{answer.headers.get_content_type()}: {text[:200]!r}")
            return answer.status, json.loads(text)
        finally:
            connection.close()

    def get(self, path: str = "/v1/models/glow") -> tuple[int, Any]:
        return self.call("GET", path)

    def predict(self, body: Any, model: str = "glow") -> tuple[int, Any]:
        shared = self.address == os.environ.get(TF_SERVING_REST_VARIABLE)
        if shared and isinstance(body, dict) and "[]" in json.dumps(body.get("inputs")):
            # Where batches are padded, TF Serving's process ends over 0 rows.
            raise AssertionError(f"A server that others share is sent no empty {body['inputs']}.")
        return self.call("POST", f"/v1/models/{model}:predict", body)

    def rows(self, signature: str, rows: list[Any]) -> list[Any]:
        """The predictions for good rows."""
        status, answer = self.predict({"signature_name": signature, "instances": rows})
        if status != 200:
            raise AssertionError(f"{status}: {answer}")
        return answer["predictions"]

    def columns(self, signature: str, inputs: Any) -> Any:
        """The outputs for good inputs."""
        status, answer = self.predict({"signature_name": signature, "inputs": inputs})
        if status != 200:
            raise AssertionError(f"{status}: {answer}")
        return answer["outputs"]


def b64(content: bytes) -> dict[str, str]:
    """Bytes as REST carries them."""
    return {"b64": base64.b64encode(content).decode()}


def from_b64(value: dict[str, str]) -> bytes:
    """The bytes again."""
    if set(value) != {"b64"}:
        raise AssertionError(f"not base64: {value}")
    return base64.b64decode(value["b64"], validate=True)
