"""Chromium without a screen, driven over a pipe: what a person would see and click."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --hide-scrollbars --remote-debugging-pipe"
)


def find() -> str | None:
    """Return the browser's program, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page.

    Args:
        profile: An empty folder.

    Attributes:
        said: Errors, refused loads and dialogs that the page caused.
    """

    def __init__(self, profile: Path, size: tuple[int, int] = (700, 1100)):
        program = find()
        assert program is not None
        ours, theirs = os.pipe(), os.pipe()  # what it reads, what it writes
        self._out, self._in = ours[1], theirs[0]

        def plug() -> None:
            # By way of high numbers: 3 and 4 may be these pipes' own, and would be closed as such.
            source, sink = (fcntl.fcntl(end, fcntl.F_DUPFD, 64) for end in (ours[0], theirs[1]))
            os.dup2(source, 3)
            os.dup2(sink, 4)

        flags = [*_FLAGS.split(), f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
        # Descriptors 3 and 4 are the browser's by its own convention; it closes what else it inherits.
        self._process = subprocess.Popen(
            [program, *flags, "about:blank"],
            preexec_fn=plug,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self._left, self._number, self._session = b"", 0, None
        self.said: list[str] = []
        page = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **values: Any) -> Any:
        """Ask the browser and return its answer."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": values}
        if self._session:
            asked["sessionId"] = self._session
        os.write(self._out, json.dumps(asked).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, told["error"]
                return told.get("result", {})

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)

    def evaluate(self, script: str) -> Any:
        """Return what an expression of the page's own language gives."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait_for(self, script: str, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(script):
            assert time.monotonic() < deadline, f"never true: {script}"
            time.sleep(0.05)

    def choose_file(self, selector: str, path: Path) -> None:
        """Give a file to an input element, as a person who chooses it does."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            part = os.read(self._in, 1 << 16)
            assert part, "the browser has ended"
            self._left += part
        line, self._left = self._left.split(b"\0", 1)
        told = json.loads(line)
        method, values = told.get("method", ""), told.get("params", {})
        if method == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.said.append(values["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.said.append(json.dumps(values["exceptionDetails"]))
        elif method == "Page.javascriptDialogOpening":
            self.said.append(f"dialog: {values['message']}")
        return told
