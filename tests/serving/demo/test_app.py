"""The page's calls over HTTP: their numbers, their errors, and whom they refuse."""

import contextlib
import json
import socket
import time

import numpy as np
import pytest

from serving.client import GlowClient
from serving.demo.guard import HEADERS
from tests.serving.demo.conftest import read_png, write_png
from tests.serving.toy_glow import DIMENSIONS, IMAGE_SHAPE, SCALE, toy_latent
from tfglow.latents import AttributeDirections, between

NOISE = np.random.default_rng(0).integers(0, 256, (10, 10, 3), np.uint8)
SEED = {"seed": 5, "temperature": 0.7}


def toy_image(latent, label=0):
    """What the toy's `decode` answers for one latent, in NumPy."""
    pixels = np.round((latent + np.float32(label)) * np.float32(SCALE) + np.float32(127.5))
    return np.clip(pixels, 0, 255).astype(np.uint8).reshape(IMAGE_SHAPE)


@pytest.fixture(scope="module")
def toy_client(server):
    with GlowClient(server.address) as client:
        yield client


def latent_of(client, seed):
    inputs = {"seed": [seed["seed"]], "temperature": [seed["temperature"]]}
    return client.predict("sample", inputs)["latent"][0]


def test_model(page, conditional_page):
    status, _, content = page.ask("GET", "/api/model")
    answer = json.loads(content)
    assert status == 200
    assert len(answer.pop("token")) == 16
    assert answer == {
        "name": "glow",
        "version": "1",
        "image_shape": [4, 4, 3],
        "classes": None,
        "attributes": ["old", "<b>young</b>"],
        "misfit": None,
        "max_upload_bytes": 100_000,
    }
    answer = json.loads(conditional_page.ask("GET", "/api/model")[2])
    assert answer["classes"] == 3
    assert answer["attributes"] == []


def test_samples_are_the_clients(page, toy_client):
    status, answer = page.call("samples", num=5, **SEED)
    assert status == 200
    assert [picture["seed"] for picture in answer["pictures"]] == [5, 6, 7, 8, 9]
    pictures = np.stack([read_png(picture["png"]) for picture in answer["pictures"]])
    np.testing.assert_array_equal(pictures, toy_client.sample(5, 0.7, seed=5))
    np.testing.assert_array_equal(page.picture("picture", source={**SEED, "seed": 7}), pictures[2])


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_between(page, toy_client, path):
    ends = SEED, {**SEED, "seed": 6}
    latents = [latent_of(toy_client, end) for end in ends]
    for position in (0, 0.3, 1.0):
        got = page.picture("between", first=ends[0], second=ends[1], position=position, path=path)
        want = between(*latents, [position], path)
        np.testing.assert_array_equal(got, toy_client.decode(want)[0])


def test_attributes(page, toy_client, toy_directions):
    directions = AttributeDirections.load(toy_directions)
    strengths = {"old": 1.5, "<b>young</b>": -0.5}
    want = latent_of(toy_client, SEED) + 1.5 * directions["old"]
    want = want - np.float32(0.5) * directions["<b>young</b>"]
    got = page.picture("attributes", source=SEED, strengths=strengths)
    np.testing.assert_array_equal(got, toy_image(want))
    unchanged = page.picture("attributes", source=SEED, strengths={})
    np.testing.assert_array_equal(unchanged, page.picture("picture", source=SEED))


def test_an_upload_is_fitted_encoded_and_looked_at(page):
    image = np.random.default_rng(1).integers(0, 256, IMAGE_SHAPE, np.uint8)
    content = write_png(image)
    status, answer = page.upload(content)
    assert status == 200
    np.testing.assert_array_equal(read_png(answer["png"]), image)
    assert (answer["height"], answer["width"], answer["bytes"]) == (4, 4, len(content))
    assert not answer["first_of_several"]
    source = {"upload": answer["upload"]}
    np.testing.assert_array_equal(page.picture("picture", source=source), image)
    status, look = page.call("look", source=source)
    assert status == 200
    np.testing.assert_array_equal(read_png(look["reconstruction"]), image)
    latent = toy_latent(image[None])[0]
    log_prob = -0.5 * np.sum(latent.astype(float) ** 2 + np.log(2 * np.pi))
    log_prob -= DIMENSIONS * np.log(SCALE)
    np.testing.assert_allclose(look["log_prob"], log_prob, rtol=1e-5)
    np.testing.assert_allclose(look["bits_per_dim"], -log_prob / DIMENSIONS / np.log(2), rtol=1e-5)
    assert (look["difference"], look["num_bits"], look["scores"]) == (0, 8, {})


@pytest.mark.slow
def test_a_look_has_the_detectors_numbers(open_page, scored_server, detector):
    page = open_page(scored_server.address)
    image = np.random.default_rng(1).integers(90, 160, IMAGE_SHAPE).astype(np.uint8)
    source = {"upload": page.upload(write_png(image))[1]["upload"], "label": 2}
    scores = page.call("look", source=source)[1]["scores"]
    expected = {name: value[0] for name, value in detector.score(image[None], [2]).items()}
    # Of one draw there is none.
    assert np.isnan(expected.pop("bits_per_dim_error"))
    assert scores == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_an_upload_of_another_size_is_fitted(page):
    grey = np.arange(100 * 60, dtype=np.uint8).reshape(100, 60)
    status, answer = page.upload(write_png(grey))
    assert status == 200
    assert (answer["height"], answer["width"]) == (100, 60)
    assert read_png(answer["png"]).shape == IMAGE_SHAPE


def test_a_file_that_does_not_arrive_holds_up_no_other(page):
    host, port = page.host.split(":")
    head = f"POST /api/uploads HTTP/1.1\r\nHost: {page.host}\r\nContent-Length: 9\r\n\r\n12"
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            waiting = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            waiting.sendall(head.encode())
        assert page.upload(write_png(np.zeros(IMAGE_SHAPE, np.uint8)))[0] == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /api/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n12",
        b"POST /api/uploads HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        b"POST /api/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: 5\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01 and so on\r\n\r\n",
    ],
    ids=["cut", "no-chunk", "no-gzip", "two-hosts", "no-host", "no-http"],
)
def test_what_is_no_request_leaves_no_traceback(page, caplog, capfd, request_bytes):
    host, port = page.host.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1 << 16)
    assert answer == b"" or answer.split()[1] == b"400"
    assert page.ask("GET", "/")[0] == 200
    assert caplog.text == ""
    assert "Traceback" not in capfd.readouterr().err


def test_classes(conditional_page):
    source = {**SEED, "label": 0}
    zero = conditional_page.picture("picture", source=source).astype(int)
    two = conditional_page.picture("picture", source={**source, "label": 2}).astype(int)
    inside = (two > 0) & (two < 255) & (zero > 0)
    np.testing.assert_array_equal((two - zero)[inside], 2 * SCALE)
    # The nearer end's class.
    ends = {"first": source, "second": {**source, "label": 2}, "path": "linear"}
    for position, want in ((0.49, zero), (0.5, two)):
        got = conditional_page.picture("between", position=position, **ends)
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("name", "values", "status", "sentence"),
    [
        ("samples", {"num": 0, **SEED}, 400, "`num` must be an integer from 1 to 100, got 0"),
        ("samples", {"num": True, **SEED}, 400, "`num` must be an integer from 1 to 100, got True"),
        ("samples", {"num": 1, "seed": 2**53, "temperature": 1}, 400, "`seed` must be"),
        ("samples", {"num": 1, "seed": 1, "temperature": -1}, 400, "`temperature` must be"),
        ("samples", {"num": 1, **SEED, "label": 1}, 400, "the model is not conditional"),
        ("samples", {"num": 1, **SEED, "colour": 1}, 400, "unknown field 'colour'"),
        ("picture", {}, 400, "`source` must be a JSON object, got nothing"),
        ("picture", {"source": {"seed": "1", "temperature": 1}}, 400, "`seed` must be an integer"),
        ("picture", {"source": {"upload": "abc"}}, 404, "must be uploaded again"),
        ("look", {"source": [1]}, 400, "`source` must be a JSON object, got another kind"),
        (
            "between",
            {"first": SEED, "second": SEED, "position": 1.01, "path": "linear"},
            400,
            "`position` must be a number from 0 to 1, got 1.01",
        ),
        (
            "between",
            {"first": SEED, "second": SEED, "position": 1, "path": "bent"},
            400,
            "`path` must be one of linear, spherical, got 'bent'",
        ),
        ("attributes", {"source": SEED, "strengths": {"new": 1}}, 400, "no attribute 'new'"),
        ("attributes", {"source": SEED, "strengths": {"old": 11}}, 400, "`old` must be a number"),
    ],
)  # fmt: skip
def test_a_bad_call_is_a_sentence(page, name, values, status, sentence):
    got, answer = page.call(name, **values)
    assert got == status
    assert sentence in answer["error"]


def test_a_class_that_is_not_there_is_a_sentence(conditional_page):
    status, answer = conditional_page.call("picture", source={**SEED, "label": 3})
    assert status == 422
    assert answer["error"].startswith("`label` = 3, which is not one of the model's classes")
    status, answer = conditional_page.call("picture", source=SEED)
    assert (status, answer["error"]) == (400, "the model is conditional: it needs labels")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"not json", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[1]", "the body must be a JSON object, got another kind"),
        (b'{"num": NaN}', "numbers must be finite, got NaN"),
        (b'{"num": 1e999, "seed": 1, "temperature": 1}', "`num` must be an integer"),
        (b'{"num": ' + b"9" * 5000 + b"}", "the body is not JSON"),
        (b"[" * 60_000, "the body is not JSON"),
        (b'{"a": "' + b"x" * 65_536 + b'"}', "the request is larger than 65536 bytes"),
    ],
)
def test_a_body_that_is_no_call_is_a_sentence(page, content, sentence):
    status, _, answer = page.ask("POST", "/api/samples", content, Content_Type="application/json")
    assert status in (400, 413)
    assert sentence in json.loads(answer)["error"]


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"", 400, "the file is empty"),
        (b"no picture", 400, "the file cannot be read as a picture"),
        (
            write_png(NOISE)[:200],
            400,
            "cannot be read as a picture",
        ),
        (b"%PDF-1.7 and so on", 400, "cannot be read as a picture: "),
        (b"x" * 100_001, 413, "the file is larger than 100000 bytes"),
        (
            write_png(np.zeros([1001, 1000], np.uint8)),
            413,
            "the picture has 1000 x 1001 pixels, at most 1 million are taken",
        ),
    ],
    ids=["empty", "text", "cut", "pdf", "large", "many-pixels"],
)
def test_a_bad_file_is_a_sentence(page, content, status, sentence):
    got, answer = page.upload(content)
    assert got == status
    assert sentence in answer["error"]


def test_no_more_of_a_file_is_read_than_is_taken(page):
    """Chunked, so that no header says how large it is."""
    host, port = page.host.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            f"POST /api/uploads HTTP/1.1\r\nHost: {page.host}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        for _ in range(3):
            connection.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        connection.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        answer = connection.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_uploads_must_be_sent_again_when_forgotten(open_page, server):
    """As after a restart of the page's program."""
    image = np.full(IMAGE_SHAPE, 7, np.uint8)
    first, second = (open_page(server.address) for _ in range(2))
    source = {"upload": first.upload(write_png(image))[1]["upload"]}
    assert second.call("picture", source=source)[0] == 404
    assert second.upload(write_png(image))[1]["upload"] == source["upload"]
    np.testing.assert_array_equal(second.picture("picture", source=source), image)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:8502"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "evil.example:localhost"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:8502", "Origin": "http://localhost:9999"}, 403),
        ({"Host": "localhost:8502", "Origin": "http://localhost:8502"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_other_pages_are_refused(page, headers, status):
    got, answered, content = page.ask("GET", "/api/model", **headers)
    assert got == status
    assert b"glow" not in content or status == 200
    assert {name: answered[name] for name in HEADERS} == HEADERS


def test_more_names_are_allowed_by_a_flag(open_page, server):
    page = open_page(server.address, allowed_hosts=("Demo.Example",))
    assert page.ask("GET", "/api/model", Host="demo.example")[0] == 200
    assert page.ask("GET", "/api/model", Host="other.example")[0] == 403


def test_a_form_of_another_page_is_refused(page):
    """Forms can send text without the browser asking first."""
    status, _, answer = page.ask(
        "POST",
        "/api/samples",
        b'{"num": 1, "seed": 1, "temperature": 1}',
        Content_Type="text/plain",
    )
    assert status == 415
    assert "must be application/json" in json.loads(answer)["error"]


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html"),
        ("/main.js", "text/javascript"),
        ("/page.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
def test_files(page, path, content_type):
    status, headers, content = page.ask("GET", path)
    assert (status, headers.get_content_type()) == (200, content_type)
    assert {name: headers[name] for name in HEADERS} == HEADERS
    # Nothing comes from another host. An SVG's namespace is a name.
    assert b"//" not in content.replace(b"http://www.w3.org/2000/svg", b"").replace(b"// ", b"")


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/app.py", "/page/index.html", "/api/nothing"]
)
def test_nothing_else_is_there(page, path):
    status, headers, _ = page.ask("GET", path)
    assert status == 404
    assert {name: headers[name] for name in HEADERS} == HEADERS


def test_a_server_that_is_away_is_a_sentence_until_it_is_back(open_page, serve, toy_base):
    server = serve(toy_base)
    page = open_page(server.address)
    before = page.picture("picture", source=SEED)
    server.stop(1.0)
    status, answer = page.call("samples", num=2, **SEED)
    assert status == 503
    assert f"{server.address} is unavailable" in answer["error"]
    assert page.ask("GET", "/api/model")[0] == 503
    serve(toy_base, port=int(server.address.rpartition(":")[2]))
    deadline = time.monotonic() + 20
    while page.ask("GET", "/api/model")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    np.testing.assert_array_equal(page.picture("picture", source=SEED), before)


def test_directions_of_another_model_are_a_sentence(open_page, server, tmp_path):
    path = tmp_path / "other.npz"
    AttributeDirections(("old",), np.zeros([1, 5])).save(path)
    page = open_page(server.address, directions=path)
    answer = json.loads(page.ask("GET", "/api/model")[2])
    assert answer["attributes"] == []
    assert answer["misfit"] == (
        "The directions are for latents of 5 dimensions, this model's have 48."
    )
    status, answer = page.call("attributes", source=SEED, strengths={"old": 1})
    assert (status, answer["error"]) == (400, "the model has no attribute 'old'")


def test_images_that_no_picture_shows_are_a_sentence(open_page, serve, five_channel_base):
    page = open_page(serve(five_channel_base).address)
    status, answer = page.call("samples", num=1, **SEED)
    assert status == 400
    assert answer["error"] == "an image file holds 1 to 4 channels, the model's images have 5"
