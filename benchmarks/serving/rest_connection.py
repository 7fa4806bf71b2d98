"""A connection to the REST API, by the standard library."""

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

_DTYPES = {"image": np.uint8, "valid": np.bool_}


class RestError(Exception):
    """An answer that is none: its status, and what it says."""

    def __init__(self, status: int, message: str):
        super().__init__(f"{status}: {message}")
        self.status = status


class RestConnection:
    """Asks one server, over one connection that is kept.

    Args:
      address: HOST:PORT of its REST API.
    """

    def __init__(self, address: str):
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def predict(
        self, signature: str, arrays: Mapping[str, np.ndarray], by_rows: bool
    ) -> dict[str, np.ndarray]:
        """A signature's outputs, `valid` among them.

        Args:
          signature: Its name.
          arrays: Its inputs.
          by_rows: Whether the request is a list of rows, or a list an input.

        Raises:
          RestError: If the server refuses, or there is none.
        """
        columns: dict[str, Any] = {name: array.tolist() for name, array in arrays.items()}
        values: dict[str, Any] = {"inputs": columns}
        if by_rows:
            rows = zip(*columns.values(), strict=True)
            values = {"instances": [dict(zip(columns, row, strict=True)) for row in rows]}
        answer = self._post(json.dumps({"signature_name": signature, **values}).encode())
        outputs = answer.get("outputs")
        if by_rows:
            answered = answer["predictions"]
            outputs = {name: [row[name] for row in answered] for name in answered[0]}
        return {name: _array(name, values) for name, values in outputs.items()}

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _post(self, body: bytes) -> Any:
        try:
            self._connection.request("POST", "/v1/models/glow:predict", body)
            response = self._connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()  # The next request opens it again.
            raise RestError(0, f"{type(error).__name__}: {error}") from error
        if response.status != http.client.OK:
            raise RestError(response.status, str(answer.get("error")))
        return answer


def _array(name: str, values: list[Any]) -> np.ndarray:
    if name.endswith("_bytes"):
        return np.array([base64.b64decode(value["b64"]) for value in values], object)
    return np.array(values, _DTYPES.get(name, np.float32))
