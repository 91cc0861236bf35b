"""A loopback server of files that misbehaves on demand, and a downloader that does not wait."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from alexnet.core.keys import Key
from alexnet.data.download import Patience, download
from alexnet.data.known import KNOWN, KnownDataset, RemoteFile

CONTENT = Key.from_seed(0).words(0, 0, 75_000).tobytes()
OTHER = Key.from_seed(1).words(0, 0, 75_000).tobytes()


class Site(http.server.ThreadingHTTPServer):
    """A loopback server of files, with the faults that the tests ask for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {"/a.bin": CONTENT}
        self.headers = {"ETag": '"first"'}
        self.knows_ranges = True
        self.knows_length = True
        self.cuts: deque[int] = deque()
        """For each coming answer, after how many bytes of its body the connection is closed."""
        self.statuses: deque[tuple[int, dict[str, str]]] = deque()
        """For coming requests, the status and headers to answer instead of the file."""
        self.requests: list[SimpleNamespace] = []
        self.released = threading.Event()
        """Ends the silence after an answer with the header X-Stall."""

    def handle_error(self, *of: object) -> None:
        """Say nothing of clients that hang up: some tests do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*of)

    def url(self, path: str = "/a.bin") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def file(self, path: str = "/a.bin", *more: str) -> RemoteFile:
        content = self.files[path]
        return RemoteFile((self.url(path), *more), len(content), hashlib.sha256(content).hexdigest())

    def ranges(self) -> list[str | None]:
        return [request.headers.get("Range") for request in self.requests]

    @property
    def sent(self) -> int:
        return sum(request.sent for request in self.requests)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        request = SimpleNamespace(path=self.path, headers=self.headers, sent=0)
        self.server.requests.append(request)
        if self.server.statuses:
            return self._answer(request, *self.server.statuses.popleft())
        content = self.server.files.get(self.path)
        if content is None:
            return self._answer(request, 404, {})
        body, status, headers = content, 200, dict(self.server.headers)
        unchanged = self.headers.get("If-Range") in (None, *self.server.headers.values())
        if self.server.knows_ranges and "Range" in self.headers and unchanged:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            body, status = content[start:], 206
            headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} | headers
        if self.server.knows_length:
            headers["Content-Length"] = str(len(body))
        sent = body[: self.server.cuts.popleft()] if self.server.cuts else body
        return self._answer(request, status, headers, sent)

    def _answer(
        self, request: SimpleNamespace, status: int, headers: dict[str, str], body: bytes = b""
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, len(body), 1 << 16):
            request.sent += self.wfile.write(body[start : start + (1 << 16)])
        if "X-Stall" in headers:
            self.server.released.wait()


@contextlib.contextmanager
def running_site() -> Iterator[Site]:
    """Serve in a thread for as long as the block lasts."""
    site = Site()
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.released.set()
        site.shutdown()
        site.server_close()
        thread.join()


class Downloader:
    """Downloads datasets of given files to `folder`, noting the waits instead of waiting."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path):
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        self.patch, self.folder = patch, folder / "toys"
        self.waits: list[float] = []

    def __call__(self, *files: RemoteFile, attempts: int = 3, timeout: float = 20.0, **options) -> Path:
        self.patch.setitem(KNOWN, "toys", KnownDataset("toys", "test files", files))
        patience = Patience(attempts, timeout, self.waits.append)
        return download("toys", self.folder.parent, patience=patience, **options)

    def names(self) -> set[str]:
        """Return what lies in the dataset's folder, the lock aside."""
        return {path.name for path in self.folder.iterdir()} - {".lock"}
