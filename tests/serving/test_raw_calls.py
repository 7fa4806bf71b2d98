"""What the tests send to a server that they did not start."""

import numpy as np
import pytest

from tests.serving.raw_calls import TF_SERVING_VARIABLE, RawStubs, predict_request, sample_request
from tests.serving.rest_calls import TF_SERVING_REST_VARIABLE, RestCalls


@pytest.mark.parametrize(
    "empty", [np.zeros(0, np.int64), np.zeros([3, 0], np.int64)], ids=["no rows", "empty rows"]
)
def test_a_shared_server_is_sent_no_empty_request(server, monkeypatch, empty):
    temperature = np.ones(len(empty), np.float32)
    request = predict_request("sample", seed=empty, temperature=temperature)
    monkeypatch.setenv(TF_SERVING_VARIABLE, server.address)
    with RawStubs(server.address) as shared:
        assert shared.predict(sample_request()).outputs["image"].tensor_shape.dim[0].size == 3
        for call in (shared.predict, shared.predictions.Predict):
            with pytest.raises(AssertionError, match=r"is sent no empty .*'seed'"):
                call(request)


@pytest.mark.parametrize("inputs", [[], {"seed": []}, {"seed": [1], "latent": [[]]}])
def test_nor_is_it_over_rest(monkeypatch, inputs):
    monkeypatch.setenv(TF_SERVING_REST_VARIABLE, "localhost:1")
    with pytest.raises(AssertionError, match="is sent no empty"):
        RestCalls("localhost:1").columns("sample", inputs)
