"""Who may ask: the checks that stand before every request, and the headers behind every answer."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; img-src 'self' blob: data:; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_OWN_SITE = ("same-origin", "none")
_OPEN = frozenset(("/", "/page.js", "/page.css", "/health"))
"""What needs no token: the page, which is told it behind its address's #, and whether the server answers."""


@dataclass(frozen=True)
class Gate:
    """Refuses requests that were meant for another host, or that another site's page sent.

    A page on the web can make a browser ask `127.0.0.1`, and a name of its own can be made to point there: so the name
    that was asked for, and where the asking page came from, are looked at.

    Attributes:
        hosts: Names with port that this server is asked by; empty: any, behind a token.
        token: What a request must bring as `Authorization: Bearer ...`, where there is one.
    """

    app: ASGIApp
    hosts: frozenset[str]
    token: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(Headers(scope=scope), scope["path"])
        await (refusal or self.app)(scope, receive, with_headers)

    def _refusal(self, headers: Headers, path: str) -> JSONResponse | None:
        host = headers.get("host", "").lower()
        if self.hosts and host not in self.hosts:
            return refused(421, "wrong-host")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            return refused(403, "other-site")
        if headers.get("sec-fetch-site", "none") not in _OWN_SITE:
            return refused(403, "other-site")
        if self.token is not None and path not in _OPEN:
            given = headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self.token.encode()):
                return refused(401, "no-token")
        return None


def refused(status: int, code: str) -> JSONResponse:
    """Return an answer that says what is wrong by a code, and nothing of this machine."""
    headers = {"retry-after": "1"} if status == 503 else None
    return JSONResponse({"error": code}, status, headers=headers)
