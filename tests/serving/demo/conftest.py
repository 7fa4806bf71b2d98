"""The page, on embedded servers of toys and of a trained run."""

import base64
import contextlib
import http.client
import io
import json

import numpy as np
import pytest
from PIL import Image

from serving.demo.config import DemoConfig
from serving.demo.demo import open_demo
from tests.serving.toy_glow import DIMENSIONS
from tfglow.latents import AttributeDirections


class Page:
    """The page's program, asked over HTTP."""

    def __init__(self, url):
        self.url = url
        self.host = url.removeprefix("http://").rstrip("/")

    def ask(self, method, path, body=b"", **headers):
        """The status, the headers and the body of an answer."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        with contextlib.closing(connection):
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def call(self, name, **values):
        """The status and the JSON of a call's answer."""
        status, _, content = self.ask(
            "POST", f"/api/{name}", json.dumps(values), Content_Type="application/json"
        )
        return status, json.loads(content)

    def picture(self, name, **values):
        """The picture, uint8 [H, W, C], that a call answers."""
        status, answer = self.call(name, **values)
        assert status == 200, answer
        return read_png(answer["png"])

    def upload(self, content):
        """The status and the JSON of an upload's answer."""
        status, _, answer = self.ask("POST", "/api/uploads", content)
        return status, json.loads(answer)


def read_png(text):
    """The pixels of a PNG in base64, uint8 [H, W, C]."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def write_png(pixels):
    """The bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def open_page():
    """Starts pages: `open_page(address, **DemoConfig's fields)`."""
    with contextlib.ExitStack() as stack:

        def start(address, **fields):
            config = DemoConfig(server=address, port=0, **fields)
            client, _, server = open_demo(config)
            stack.callback(client.close)
            server.start()
            stack.callback(server.stop)
            return Page(server.url)

        yield start


@pytest.fixture(scope="session")
def toy_directions(tmp_path_factory):
    """A file of two directions of the toy's latents."""
    vectors = np.random.default_rng(0).normal(size=(2, DIMENSIONS)) / 8
    directions = AttributeDirections(("old", "<b>young</b>"), vectors)
    path = tmp_path_factory.mktemp("directions") / "toy.npz"
    directions.save(path)
    return path


@pytest.fixture(scope="module")
def page(open_page, server, toy_directions):
    """The page of the unconditional toy."""
    return open_page(
        server.address,
        directions=toy_directions,
        max_upload_bytes=100_000,
        max_upload_pixels=1_000_000,
    )


@pytest.fixture(scope="module")
def conditional_page(open_page, conditional_server):
    """The page of the toy with three classes."""
    return open_page(conditional_server.address)
