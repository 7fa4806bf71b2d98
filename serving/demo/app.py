"""The page over HTTP: its files, and the calls that its scripts make.

| call | answer |
|---|---|
| `GET /api/model` | what is served, its attributes and classes |
| `POST /api/samples` `{num, seed, temperature, label}` | a picture for each seed |
| `POST /api/uploads`, a file | the name it is kept under, and the picture the model sees |
| `POST /api/picture` `{source}` | the picture of a source |
| `POST /api/between` `{first, second, position, path}` | the picture in between |
| `POST /api/attributes` `{source, strengths}` | the picture with attributes added |
| `POST /api/look` `{source}` | its reconstruction, likelihood and score |

A source is `{seed, temperature, label}` or `{upload, label}`; `label` is there for conditional
models. Pictures are base64 of PNG, in `png`. What went wrong is `{error}`, a sentence, with the
status 4xx if it is the request's fault, 404 if an upload must be sent again, and 503 if it is the
model's server's.
"""

import asyncio
import base64
import io
import logging
import math
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

from serving.client import InvalidRowError, ServingError
from serving.client.files import as_image
from serving.demo.body import BadRequest, Body
from serving.demo.guard import Handler, add_headers, guard
from serving.demo.served_model import ServedModel
from serving.demo.sources import MAX_SEED, MAX_TEMPERATURE, read_label, read_source
from tfglow.latents.interpolation import PATHS

_PAGE = Path(__file__).parent / "page"
# Not the machine's own table, which may say anything.
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
MAX_SAMPLES = 100
MAX_STRENGTH = 10.0
# A call's JSON: 40 attributes with their strengths are 1 KB.
_MAX_BODY = 64 << 10
_THREADS = 4
# Files that may arrive at the same time, and how long one may take.
_UPLOADS = 4
_UPLOAD_SECONDS = 60.0
_log = logging.getLogger("serving")


class DemoApp:
    """The calls of the page.

    Args:
      model: What answers them.
      max_upload_bytes: The largest file that is taken.
    """

    def __init__(self, model: ServedModel, max_upload_bytes: int):
        self._model = model
        self._max_upload_bytes = max_upload_bytes
        # The model is asked, and pictures are read, off the event loop.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="demo")
        # A large picture takes hundreds of megabytes while it is read: one at a time.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="demo-pictures")
        self._uploading = asyncio.Semaphore(_UPLOADS)

    def application(self, allowed_hosts: Iterable[str] = ()) -> web.Application:
        """The application; `allowed_hosts` as in `guard`."""
        app = web.Application(middlewares=[guard(allowed_hosts), _sentences])
        app.on_response_prepare.append(add_headers)
        app.on_cleanup.append(self._close)
        for file in sorted(_PAGE.iterdir()):
            path = "/" if file.name == "index.html" else f"/{file.name}"
            app.router.add_get(path, _file(file.read_bytes(), _TYPES[file.suffix]))
        app.router.add_get("/api/model", self.model)
        for call in (
            self.samples,
            self.uploads,
            self.picture,
            self.between,
            self.attributes,
            self.look,
        ):
            app.router.add_post(f"/api/{call.__name__}", call)
        return app

    async def model(self, _: web.Request) -> web.Response:
        """What is served now."""
        loaded = await self._run(self._model.refresh)
        names, misfit = await self._run(lambda: (self._model.attributes(), self._model.misfit()))
        description = loaded.description
        return web.json_response(
            {
                "name": description.name,
                # Text: JavaScript rounds large numbers.
                "version": str(description.version),
                "token": loaded.token,
                "image_shape": description.image_shape,
                "classes": loaded.num_classes,
                "attributes": names,
                "misfit": misfit,
                "max_upload_bytes": self._max_upload_bytes,
            }
        )

    async def samples(self, request: web.Request) -> web.Response:
        """Samples of consecutive seeds."""
        body = (await _read_json(request)).only("num", "seed", "temperature", "label")
        num = body.integer("num", 1, MAX_SAMPLES)
        seed = body.integer("seed", 0, MAX_SEED - num + 1)
        temperature = body.number("temperature", 0.0, MAX_TEMPERATURE)
        label = read_label(body)

        def run() -> list[dict[str, Any]]:
            images, valid = self._model.sample(num, seed, temperature, label)
            return [
                # An image that there is not: the flow's inverse is not finite there.
                {"seed": seed + i, "png": _png(image) if there else None}
                for i, (image, there) in enumerate(zip(images, valid, strict=True))
            ]

        return web.json_response({"pictures": await self._run(run)})

    async def uploads(self, request: web.Request) -> web.Response:
        """Takes a picture file."""
        async with self._uploading:
            try:
                async with asyncio.timeout(_UPLOAD_SECONDS):
                    content = await _read(request, self._max_upload_bytes, "the file")
            except TimeoutError:
                raise BadRequest("the file did not arrive in time", 408) from None

            def run() -> dict[str, Any]:
                name, fitted = self._model.upload(content)
                return {
                    "upload": name,
                    "png": _png(fitted.image),
                    "height": fitted.size[0],
                    "width": fitted.size[1],
                    "bytes": len(content),
                    "first_of_several": fitted.is_animation,
                }

            return web.json_response(await self._run(run, self._reader))

    async def picture(self, request: web.Request) -> web.Response:
        """The picture of a source."""
        body = (await _read_json(request)).only("source")
        source = read_source(body.object("source"))
        return await self._picture(lambda: self._model.picture(source))

    async def between(self, request: web.Request) -> web.Response:
        """The picture between two."""
        body = (await _read_json(request)).only("first", "second", "position", "path")
        first, second = (read_source(body.object(name)) for name in ("first", "second"))
        position = body.number("position", 0.0, 1.0)
        path = body.choice("path", PATHS)
        return await self._picture(lambda: self._model.between(first, second, position, path))

    async def attributes(self, request: web.Request) -> web.Response:
        """The picture with attributes added."""
        body = (await _read_json(request)).only("source", "strengths")
        source, given = read_source(body.object("source")), body.object("strengths")
        strengths = {
            name: given.number(name, -MAX_STRENGTH, MAX_STRENGTH) for name in given.names()
        }
        return await self._picture(lambda: self._model.changed(source, strengths))

    async def look(self, request: web.Request) -> web.Response:
        """What the model says of a picture."""
        source = read_source((await _read_json(request)).only("source").object("source"))

        def run() -> dict[str, Any]:
            look = self._model.look(source)
            return {
                "png": _png(look.image),
                "reconstruction": _png(look.reconstruction),
                "num_bits": look.num_bits,
                "difference": look.difference,
                "bits_per_dim": _finite(look.bits_per_dim),
                "log_prob": _finite(look.log_prob),
                "dimensions": look.image.size,
                "scores": {name: _finite(score) for name, score in look.scores.items()},
            }

        return web.json_response(await self._run(run))

    async def _picture(self, make: Callable[[], np.ndarray]) -> web.Response:
        return web.json_response({"png": await self._run(lambda: _png(make()))})

    async def _run(self, call: Callable[[], Any], threads: ThreadPoolExecutor | None = None) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads or self._threads, call)

    async def _close(self, _: web.Application) -> None:
        for threads in (self._threads, self._reader):
            threads.shutdown(wait=False, cancel_futures=True)


@web.middleware
async def _sentences(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers an error with a sentence."""
    try:
        return await handler(request)
    except BadRequest as error:
        message, status = str(error), error.status
    except InvalidRowError as error:  # The page asks for one row: its number says nothing.
        message, status = error.reason, 422
    except ServingError as error:
        message, status = str(error), 503
    except ValueError as error:
        message, status = str(error), 400
    except (web.HTTPException, asyncio.CancelledError):
        raise
    except Exception as error:
        _log.exception("%s failed", request.path)
        message, status = (
            f"the page's own program failed ({type(error).__name__}); its log says more",
            500,
        )
    return web.json_response({"error": message}, status=status)


async def _read_json(request: web.Request) -> Body:
    # Other pages cannot send this type without asking first.
    if request.content_type != "application/json":
        raise BadRequest(f"the body must be application/json, got {request.content_type!r}", 415)
    return Body.parse(await _read(request, _MAX_BODY, "the request"))


async def _read(request: web.Request, limit: int, noun: str) -> bytes:
    """The body, of which no more is held than the limit allows."""
    too_large = BadRequest(f"{noun} is larger than {limit} bytes, the most that are taken", 413)
    if (request.content_length or 0) > limit:
        raise too_large
    content = bytearray()
    try:
        async for part in request.content.iter_any():
            content += part
            if len(content) > limit:
                raise too_large
    except (ConnectionError, web.RequestPayloadError) as error:
        raise BadRequest(f"{noun} did not arrive whole") from error
    return bytes(content)


def _file(content: bytes, content_type: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=content, content_type=content_type, charset="utf-8")

    return answer


def _finite(number: float) -> float | None:
    """None for what JSON has no word for."""
    return number if math.isfinite(number) else None


def _png(image: np.ndarray) -> str:
    file = io.BytesIO()
    # The file goes to this machine: small is worth less than soon.
    as_image(image).save(file, "PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode("ascii")
