"""The server itself: sockets, time limits, and a quiet end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from alexnet.core.errors import UsageError
from alexnet.serving.limits import Limits

_NOTHING = logging.CRITICAL + 1
"""uvicorn's log: of broken requests of strangers, page after page; what fails here is told by `app.py`."""
_BACKLOG = 128
_HEADERS = 16 * 1024
"""Bytes of a request's headers, at most."""


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        UsageError: the port is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(_BACKLOG)  # from here on nobody who asks is refused: they wait until answers begin
    except OSError as error:
        sock.close()
        raise UsageError(
            f"cannot listen ({error.strerror})", where=f"{host}:{port}", remedy="choose another --port"
        ) from None
    return sock


def serve(app: ASGIApp, sock: socket.socket, limits: Limits) -> None:
    """Answer until SIGINT or SIGTERM; requests under way are finished first."""

    class Protocol(_Impatient):
        header_seconds = limits.header_seconds

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        log_config=None,
        log_level=_NOTHING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=limits.drain_seconds,
        h11_max_incomplete_event_size=_HEADERS,
    )
    _Server(config).run(sockets=[sock])


class _Server(uvicorn.Server):
    """Ends by itself after a signal: uvicorn's own would send the signal once more, to whom nothing could answer."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear SIGINT and SIGTERM while the server runs."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Impatient(H11Protocol):
    """Closes a connection whose request's headers do not come in time."""

    header_seconds = 10.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop waiting where a whole request's headers are there, begin where another's have begun."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop()
        elif self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.header_seconds, self._give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()
