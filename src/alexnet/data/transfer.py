"""One attempt to bring an unfinished file to its full size over http or https.

The file is received under `<name>.part`. A note beside it says which file of which server it is a part of, by address
and validator, so that the next attempt continues it only while the server still has the same file (RFC 9110: `Range`
with `If-Range`). No other scheme is spoken, also after a redirect. Proxies come from the environment
(`HTTPS_PROXY`, `NO_PROXY`).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path

from alexnet.core.files import commit_json, human_bytes, reserve

_CHUNK = 1 << 16


class TransferError(Exception):
    """An attempt that came to nothing; `again` says whether another one may do better."""

    def __init__(self, what: str, *, again: bool):
        super().__init__(what)
        self.again = again


class PartialFile:
    """The first bytes of a file of known size, beside the name that it will have.

    Args:
        path: The final name.
        size: Bytes of the whole file.
    """

    def __init__(self, path: Path, size: int):
        self.path = path.with_name(f"{path.name}.part")
        self.note = path.with_name(f"{path.name}.part.json")
        self.size = size

    def origin(self) -> tuple[str, str]:
        """Return the address and validator (ETag or date) of the file begun, or empty strings."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            return str(note["url"]), str(note["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return "", ""

    def received(self, url: str) -> int:
        """Return how many bytes there are that a transfer from `url` can continue."""
        return self.path.stat().st_size if self.path.is_file() and self.origin()[0] == url else 0

    def begin(self, url: str, response: HTTPResponse) -> None:
        """Forget what was received before, and note which file begins now."""
        self.discard()
        etag = response.headers.get("ETag", "")
        validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
        if validator:
            commit_json(self.note, {"url": url, "validator": validator})

    def discard(self) -> None:
        """Remove the bytes, and the note after them, so that the note never speaks of another file."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def receive(url: str, part: PartialFile, *, progress: Callable[[int], object], timeout: float) -> None:
    """Bring `part` to its full size, continuing what it holds where the server allows it.

    Args:
        url: http or https address of the whole file.
        part: Receives the bytes. What it holds at any moment can be continued.
        progress: Called with the number of bytes there are, at the start and after every piece.
        timeout: Seconds without an answer or without a byte after which the connection counts as cut.

    Raises:
        TransferError: the server cannot be reached, has another file, or the connection broke.
        StorageError: the disk has too little space.
        OSError: the disk failed.
    """
    held = part.received(url)
    if held == part.size:
        return
    with _open(url, held, part, timeout) as response:
        start = _first_byte(response, part)
        if start not in (0, held):
            part.discard()
            raise TransferError("the server sent another part of the file than it was asked for", again=True)
        if start == 0:
            part.begin(url, response)
        reserve(part.path.parent, part.size - start)
        done = _append(response, part, start, progress)
    if done > part.size:
        part.discard()
        raise TransferError(f"the server sent more than the known {part.size} bytes", again=False)
    if done < part.size:
        place = f"{human_bytes(done)} of {human_bytes(part.size)}"
        raise TransferError(f"the connection broke after {place}", again=True)


def _append(response: HTTPResponse, part: PartialFile, done: int, progress: Callable[[int], object]) -> int:
    """Write the body after the first `done` bytes of `part`; return how many there are when it ends."""
    with open(part.path, "ab") as stream:
        progress(done)
        for chunk in _chunks(response):
            stream.write(chunk)
            done += len(chunk)
            if done > part.size:
                break
            progress(done)
    return done


def _open(url: str, held: int, part: PartialFile, timeout: float) -> HTTPResponse:
    """Ask for the file from byte `held` on, and explain what goes wrong."""
    headers = {"User-Agent": "alexnet", "Accept-Encoding": "identity"}
    if held:
        headers |= {"Range": f"bytes={held}-", "If-Range": part.origin()[1]}
    try:
        return _opener().open(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.discard()
        again = error.code in (408, 416, 429) or error.code >= 500
        raise TransferError(f"the server answers {error.code} {_one_line(error.reason)}", again=again) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        again = not isinstance(reason, (str, socket.gaierror, ssl.SSLCertVerificationError))
        raise TransferError(f"cannot be reached ({_one_line(reason)})", again=again) from None


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows no other scheme than http and https, so that no redirect leads elsewhere."""
    found = urllib.request.getproxies()
    proxies = {scheme: found[scheme] for scheme in ("http", "https") if scheme in found}
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(proxies),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _first_byte(response: HTTPResponse, part: PartialFile) -> int:
    """Return which byte of the file the answer begins with, or -1 for an answer that does not fit the file."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        return int(span[1]) if span and span[2] in ("*", str(part.size)) else -1
    length = response.headers.get("Content-Length", str(part.size))
    if length != str(part.size):
        raise TransferError(
            f"the server has {length} bytes under this name, not the known {part.size}", again=False
        )
    return 0


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    """Yield the body as it comes in; a cut connection ends it early."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        while chunk := response.read1(_CHUNK):
            yield chunk


def _one_line(reason: object) -> str:
    return " ".join(str(reason).split())
