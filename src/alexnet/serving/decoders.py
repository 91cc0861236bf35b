"""Decoding in processes of their own: what one picture breaks, the next one does not notice."""

from __future__ import annotations

import os
import queue
import select
import subprocess
import sys
import time

import numpy as np

from alexnet.data.decode import DecodeError
from alexnet.evaluation.input import InputSpec
from alexnet.serving.decode_worker import DONE, FRAME
from alexnet.serving.limits import Limits

_MODULE = "alexnet.serving.decode_worker"


class Decoders:
    """Some decoding processes, each used by one thread at a time.

    Args:
        spec: How the network wants pictures.
        count: Processes.
    """

    def __init__(self, spec: InputSpec, limits: Limits, count: int = 2):
        self._spec, self._limits = spec, limits
        self._free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._all = [_Worker(self._command()) for _ in range(count)]
        for worker in self._all:
            self._free.put(worker)

    def decode(self, data: bytes) -> np.ndarray:
        """Return a prepared picture, uint8 (size, size, C).

        Raises:
            DecodeError: it is none, or it took too much memory or time; `code` says which.
        """
        worker = self._free.get()
        try:
            status, content = worker.ask(data, self._limits.decode_seconds)
        except TimeoutError:
            worker.restart()
            raise DecodeError("took too long to decode", code="too-slow") from None
        except (OSError, EOFError):
            worker.restart()
            raise DecodeError("ended its decoder", code="damaged") from None
        finally:
            self._free.put(worker)
        if status != DONE:
            raise DecodeError("is no picture that can be used", code=content.decode("ascii", "replace"))
        side = self._spec.size
        return np.frombuffer(content, np.uint8).reshape(side, side, self._spec.channels)

    @property
    def processes(self) -> list[int]:
        """Process ids, for those who watch."""
        return [worker.pid for worker in self._all]

    def close(self) -> None:
        """End the processes."""
        for worker in self._all:
            worker.end()

    def _command(self) -> list[str]:
        spec = self._spec
        values = spec.size, spec.channels, spec.filter, int(spec.exif_rotate), self._limits.decode_memory
        return [sys.executable, "-m", _MODULE, *map(str, values)]


class _Worker:
    def __init__(self, command: list[str]):
        self._command = command
        self._process = self._started()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, data: bytes, seconds: float) -> tuple[int, bytes]:
        """Return the status and content of the answer.

        Raises:
            TimeoutError: it did not come in time.
            EOFError, OSError: the process has ended.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        deadline = time.monotonic() + seconds
        self._write(self._process.stdin.fileno(), FRAME.pack(0, len(data)) + data, deadline)
        out = self._process.stdout.fileno()
        status, length = FRAME.unpack(self._read(out, FRAME.size, deadline))
        return status, self._read(out, length, deadline)

    def restart(self) -> None:
        self.end()
        self._process = self._started()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _started(self) -> subprocess.Popen[bytes]:
        # One thread each: a second one would decode nothing, and Ctrl-C is the server's to hear.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=environment,
            start_new_session=True,
        )
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        return process

    @staticmethod
    def _write(pipe: int, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        while left:
            _, ready, _ = select.select([], [pipe], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            left = left[os.write(pipe, left[: 2**16]) :]

    @staticmethod
    def _read(pipe: int, count: int, deadline: float) -> bytes:
        found = bytearray()
        while len(found) < count:
            ready, _, _ = select.select([pipe], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            part = os.read(pipe, min(count - len(found), 2**20))
            if not part:
                raise EOFError
            found += part
        return bytes(found)
