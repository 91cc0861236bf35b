"""What happened to other servers, tried on this one. SECURITY.md says which incident each test stands for."""

import ast
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from load import Client
from test_server import Server, picture, server, trained  # noqa: F401 - fixtures

import alexnet

pytest.importorskip("uvicorn", reason="the serve extra is not installed")
SERVING = Path(alexnet.__file__).parent / "serving"
SLOW, GOOD = 100, 8


def head(port, *lines):
    return ("\r\n".join(["POST /predict HTTP/1.1", f"Host: localhost:{port}", *lines]) + "\r\n\r\n").encode()


def test_an_upload_in_pieces_of_one_byte_costs_no_memory_and_ends(server):  # noqa: F811
    """Unbounded stack or memory for each chunk."""
    data = picture(5)
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in data) + b"0\r\n\r\n"
    start = head(server.port, "Content-Type: image/png", "Transfer-Encoding: chunked", "Connection: close")
    assert server.raw(start + pieces, seconds=60).startswith(b"HTTP/1.1 200")
    many = server.raw(start + b"1\r\nx\r\n" * 1_000_000 + b"0\r\n\r\n", seconds=60)
    assert many[:12] in (b"", b"HTTP/1.1 413", b"HTTP/1.1 422", b"HTTP/1.1 408")
    assert server.predict(picture(6))[0] == 200


def test_pictures_of_one_pixel_and_one_line_are_answered(server):  # noqa: F811
    """A picture of one pixel ended an engine that guessed its layout."""
    import io

    from PIL import Image

    for size in ((1, 1), (1, 500), (500, 1), (2, 2)):
        stream = io.BytesIO()
        Image.new("RGB", size, "red").save(stream, "PNG")
        assert server.predict(stream.getvalue())[0] == 200, size


def test_slow_clients_do_not_keep_others_waiting(server):  # noqa: F811
    """Slow headers and bodies that occupy every place."""
    stop, dribbling = threading.Event(), []
    for number in range(SLOW):
        connection = socket.create_connection(("127.0.0.1", server.port), 60)
        start = head(server.port, "Content-Type: image/png", "Content-Length: 100000")
        connection.sendall(start if number % 2 else start[:20])
        dribbling.append(connection)

    def dribble():
        while not stop.wait(0.2):
            for connection in dribbling:
                try:
                    connection.send(b"x")
                except OSError:
                    continue

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        with ThreadPoolExecutor(GOOD) as pool:
            found = list(pool.map(lambda _: ten_answers(server.port), range(GOOD)))
        assert found == [["200"] * 10] * GOOD
    finally:
        stop.set()
        thread.join()
        for connection in dribbling:
            connection.close()


def ten_answers(port):
    client = Client(port)
    try:
        return [client.ask(picture(number)) for number in range(10)]
    finally:
        client.connection.close()


def test_a_flood_of_good_and_bad_ones_at_once_is_answered_or_told_to_come_again(server):  # noqa: F811
    """Lost workers, and clients that go away in the middle."""

    def one(number):
        kind = number % 4
        if kind == 3:
            with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
                connection.sendall(
                    head(server.port, "Content-Type: image/png", "Content-Length: 5000") + b"x" * 100
                )
            return "left"
        client = Client(server.port)
        outcome = client.ask(picture(number, side=200) if kind else b"\xff\xd8\xff no picture")
        client.connection.close()
        return outcome

    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(one, range(192)))
    assert set(found) <= {"200", "422", "503", "left"} and found.count("200") > 20
    deadline = time.monotonic() + 60
    while server.predict(picture(1))[0] != 200:
        assert time.monotonic() < deadline
    assert "alexnet_waiting 0" in server.ask("GET", "/metrics")[2].decode()


def test_weights_cut_short_or_replaced_while_it_serves_change_nothing(trained, tmp_path):  # noqa: F811
    """A model file that changes under a server that has it mapped."""
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    made = Server(run)
    before = made.predict(picture(4))
    for file in (run / "checkpoints").glob("*/model.safetensors"):
        with open(file, "r+b") as stream:
            stream.truncate(64)
    assert made.predict(picture(4)) == before
    shutil.rmtree(run / "checkpoints")
    assert made.predict(picture(4)) == before
    assert made.stop()[0] == 0


def test_it_opens_no_connections_and_unpickles_nothing():
    """Addresses given by strangers that were fetched; pickles between a server's own processes."""
    forbidden = {
        "urllib",
        "http",
        "requests",
        "httpx",
        "aiohttp",
        "pickle",
        "marshal",
        "multiprocessing",
        "shelve",
    }
    for path in SERVING.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & forbidden, path.name
            assert getattr(node, "attr", "") not in ("create_connection", "connect"), path.name
