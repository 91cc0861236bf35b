"""The server's parts: decoders that break, batches that are full, requests that do not come."""

import contextlib
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_runs import draw_pictures

from alexnet.data.decode import DecodeError
from alexnet.evaluation.input import InputSpec
from alexnet.evaluation.predict import load_pixels
from alexnet.serving.batcher import Batcher, Busy
from alexnet.serving.decoders import Decoders
from alexnet.serving.limits import Limits

pytest.importorskip("uvicorn", reason="the serve extra is not installed")
SPEC = InputSpec(24, 20, 3, "bilinear", True, 1.0, np.zeros((20, 20, 3), np.float32))


@pytest.fixture
def files(tmp_path):
    return sorted(draw_pictures(tmp_path, ("a",), count=4).rglob("*.png"))


@pytest.fixture
def decoders():
    made = Decoders(SPEC, Limits(decode_seconds=5.0), count=2)
    yield made
    made.close()


def test_pictures_are_prepared_as_everywhere_else(decoders, files):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda path: decoders.decode(path.read_bytes()), files * 3))
    for picture, path in zip(found, files * 3, strict=True):
        np.testing.assert_array_equal(picture, load_pixels(path, SPEC))


def test_a_decoder_that_is_killed_is_replaced(decoders, files):
    before = decoders.processes
    for process in before:
        os.kill(process, signal.SIGKILL)
    time.sleep(0.2)
    for _ in before:
        with pytest.raises(DecodeError) as caught:
            decoders.decode(files[0].read_bytes())
        assert caught.value.code == "damaged"
    np.testing.assert_array_equal(decoders.decode(files[0].read_bytes()), load_pixels(files[0], SPEC))
    assert not set(before) & set(decoders.processes)


def test_a_decoder_that_hangs_is_ended_in_time(files):
    made = Decoders(SPEC, Limits(decode_seconds=1.0), count=1)
    try:
        with pytest.raises(DecodeError, match="is no picture"):
            made.decode(b"warm up")
        os.kill(made.processes[0], signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(DecodeError) as caught:
            made.decode(files[0].read_bytes())
        assert caught.value.code == "too-slow" and time.monotonic() - begun < 10
        made.decode(files[0].read_bytes())
    finally:
        made.close()


def test_every_batch_has_one_size_and_every_asker_gets_its_own(tmp_path):
    sizes = []

    def function(pictures):
        sizes.append(len(pictures))
        time.sleep(0.002)
        return pictures.reshape(len(pictures), -1).sum(1, keepdims=True)

    batcher = Batcher(function, size=4, waiting=200)
    futures = [batcher.submit(np.full((2, 2), number)) for number in range(50)]
    assert [int(future.result()[0]) for future in futures] == [4 * number for number in range(50)]
    batcher.close()
    assert set(sizes) == {4} and batcher.counts.pictures == 50 and 13 <= batcher.counts.batches <= 50


def test_too_many_are_told_and_a_failure_ends_nothing():
    go, asked = threading.Event(), []

    def function(pictures):
        go.wait()
        asked.append(len(pictures))
        if len(asked) == 1:
            raise ZeroDivisionError
        return pictures

    batcher = Batcher(function, size=1, waiting=2)
    first = batcher.submit(np.zeros(1))
    while batcher.length:
        time.sleep(0.001)
    others = [batcher.submit(np.ones(1)) for _ in range(2)]
    with pytest.raises(Busy):
        batcher.submit(np.ones(1))
    others[0].cancel()
    go.set()
    with pytest.raises(ZeroDivisionError):
        first.result()
    assert others[1].result() == 1
    batcher.close()
    assert len(asked) == 2, "what nobody waits for is not computed"


def until_here(connection):
    """Read an answer to its end, in however many parts it comes."""
    found = b""
    while not found.endswith(b"here"):
        part = connection.recv(4096)
        assert part, found
        found += part
    return found


def test_requests_that_do_not_come_are_cut_off_and_others_are_not():
    from starlette.responses import PlainTextResponse

    from alexnet.serving.server import bind, serve

    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    threading.Thread(
        target=serve, args=(PlainTextResponse("here"), sock, Limits(header_seconds=0.6)), daemon=True
    ).start()
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    with (
        socket.create_connection(("127.0.0.1", port), 10) as slow,
        socket.create_connection(("127.0.0.1", port), 10) as good,
    ):
        begun = time.monotonic()
        good.sendall(request + b"\r\n")
        assert until_here(good)
        for byte in request:  # a byte now and then does not buy more time
            try:
                slow.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.1)
        slow.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(4096) == b""
        assert time.monotonic() - begun < 8
        good.sendall(request)  # the second request's headers begin and do not end
        good.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert good.recv(4096) == b""
    with socket.create_connection(("127.0.0.1", port), 10) as again:
        again.sendall(request + b"\r\n")
        assert until_here(again)


def test_what_fails_is_told_to_this_machines_person_alone():
    import asyncio
    from types import SimpleNamespace

    from starlette.requests import Request

    from alexnet.serving.app import Service

    said = []
    service = Service(SimpleNamespace(), Limits(), SimpleNamespace(), SimpleNamespace(), said.append)
    request = Request({"type": "http", "path": "/predict", "headers": [], "server": ("localhost", 1)})
    answer = asyncio.run(service.failed(request, RuntimeError("of /home/somebody\nand more")))
    assert answer.status_code == 500 and answer.body == b'{"error":"failed"}'
    assert (
        said == ["/predict failed: RuntimeError: of /home/somebody\\nand more"] and service.answers["500"] == 1
    )
