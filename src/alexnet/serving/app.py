"""What the server answers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from alexnet.core.errors import printable
from alexnet.data.decode import DecodeError
from alexnet.serving.batcher import Batcher, Busy
from alexnet.serving.decoders import Decoders
from alexnet.serving.gate import refused
from alexnet.serving.limits import Limits
from alexnet.serving.model import Model
from alexnet.serving.openapi import description

_PAGES = {"/": "page.html", "/page.js": "page.js", "/page.css": "page.css"}
_KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
_MOST = 100
"""Classes in an answer, at most."""


class Service:
    """A model behind its routes.

    Args:
        model: The network, and what it is shown beside.
        limits: What is taken.
        decoders: Where uploads are decoded.
        batcher: Where they are classified.
        say: Told of what failed here, a line each.
    """

    def __init__(
        self, model: Model, limits: Limits, decoders: Decoders, batcher: Batcher, say: Callable[[str], None]
    ):
        self.model, self.limits, self.decoders, self.batcher, self.say = model, limits, decoders, batcher, say
        self.answers: Counter[str] = Counter()
        self.begun = time.monotonic()
        self._pages = {path: _page(name) for path, name in _PAGES.items()}

    def app(self) -> Starlette:
        """Return the routes; there are no others, and none that reads a file."""
        gets: Mapping[str, Callable[[Request], Any]] = {
            "/health": self.health,
            "/metrics": self.metrics,
            "/openapi.json": self.openapi,
            "/model": self.about,
            "/kernels.png": self.kernels,
            "/training/{number:int}.png": self.training,
        }
        routes = [Route(path, endpoint, methods=["GET"]) for path, endpoint in gets.items()]
        routes += [Route(path, self.page, methods=["GET"]) for path in _PAGES]
        routes.append(Route("/predict", self.predict, methods=["POST"]))
        return Starlette(routes=routes, exception_handlers={HTTPException: _plain, Exception: self.failed})

    async def predict(self, request: Request) -> Response:
        """Classify the picture that is the request's body."""
        try:
            k = int(request.query_params.get("k", "5")[:4])
        except ValueError:
            k = 0
        if not 1 <= k <= _MOST:
            return self._refuse(400, "bad-k")
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if not (kind.startswith("image/") or kind == "application/octet-stream"):
            return self._refuse(415, "not-an-image-type")
        if "content-encoding" in request.headers:
            return self._refuse(415, "encoded")
        try:
            data = await asyncio.wait_for(self._body(request), self.limits.body_seconds)
        except TimeoutError:
            return self._refuse(408, "too-slow")
        except ClientDisconnect:
            return self._refuse(400, "gone")
        if data is None:
            return self._refuse(413, "too-large", close=True)
        return await self._classified(data, k)

    async def _classified(self, data: bytes, k: int) -> Response:
        if self.batcher.length >= self.limits.waiting:
            return self._refuse(503, "busy")
        try:
            picture = await asyncio.to_thread(self.decoders.decode, data)
            row = await asyncio.wrap_future(self.batcher.submit(picture))
        except DecodeError as error:
            return self._refuse(422, error.code)
        except Busy:
            return self._refuse(503, "busy")
        self.answers["200"] += 1
        return JSONResponse(self.model.answer(np.asarray(row), k))

    async def _body(self, request: Request) -> bytes | None:
        """Return the body, or None as soon as it is too large."""
        announced = request.headers.get("content-length", "0")
        if len(announced) > 12 or (announced.isdigit() and int(announced) > self.limits.body_bytes):
            return None
        found = bytearray()
        async for part in request.stream():
            found += part
            if len(found) > self.limits.body_bytes:
                return None
        return bytes(found)

    async def page(self, request: Request) -> Response:
        """Return the page, its program or its look."""
        content, kind = self._pages[request.url.path]
        return Response(content, media_type=kind)

    async def about(self, request: Request) -> Response:
        """Say what the model is."""
        return JSONResponse(self.model.about())

    async def kernels(self, request: Request) -> Response:
        """Return the first layer's kernels."""
        if self.model.kernels is None:
            return refused(404, "no-kernels")
        return Response(self.model.kernels, media_type="image/png")

    async def training(self, request: Request) -> Response:
        """Return a training picture by its number."""
        picture = await asyncio.to_thread(self.model.training_picture, request.path_params["number"])
        if picture is None:
            return refused(404, "no-picture")
        return Response(picture, media_type="image/png")

    async def openapi(self, request: Request) -> Response:
        """Describe this service as OpenAPI."""
        return JSONResponse(description(self.limits.body_bytes))

    async def health(self, request: Request) -> Response:
        """Say that the server answers."""
        return JSONResponse({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        """Return counts in Prometheus' text format."""
        counts = self.batcher.counts
        lines = [
            "# TYPE alexnet_answers_total counter",
            *(
                f'alexnet_answers_total{{code="{code}"}} {count}'
                for code, count in sorted(self.answers.items())
            ),
            "# TYPE alexnet_pictures_total counter",
            f"alexnet_pictures_total {counts.pictures}",
            "# TYPE alexnet_batches_total counter",
            f"alexnet_batches_total {counts.batches}",
            "# TYPE alexnet_compute_seconds_total counter",
            f"alexnet_compute_seconds_total {counts.seconds:.6f}",
            "# TYPE alexnet_waiting gauge",
            f"alexnet_waiting {self.batcher.length}",
            "# TYPE alexnet_up_seconds gauge",
            f"alexnet_up_seconds {time.monotonic() - self.begun:.3f}",
        ]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    async def failed(self, request: Request, error: Exception) -> Response:
        """Answer where something failed here: the asker learns that it did, this machine's person what."""
        self.answers["500"] += 1
        self.say(f"{request.url.path} failed: {type(error).__name__}: {printable(str(error))}")
        return refused(500, "failed")

    def _refuse(self, status: int, code: str, *, close: bool = False) -> Response:
        self.answers[str(status)] += 1
        answer = refused(status, code)
        if close:  # what is left of the body is not read
            answer.headers["connection"] = "close"
        return answer


def _page(name: str) -> tuple[bytes, str]:
    content = (resources.files("alexnet") / "serving" / "assets" / name).read_bytes()
    return content, _KINDS[name.rpartition(".")[2]]


async def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, "not-found" if error.status_code == 404 else "not-allowed")
