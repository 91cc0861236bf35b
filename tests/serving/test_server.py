"""`alexnet serve`: the answers of `alexnet predict`, for those who may ask; refusals that say only what they must."""

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from small_runs import SMALL, draw_pictures

import alexnet

pytest.importorskip("uvicorn", reason="the serve extra is not installed")
NAMES = ("plain", "<img src=x onerror=alert(1)>", "Bär & 犬")


class Server:
    """A server in a process of its own."""

    def __init__(self, run, *options, environment=None):
        command = [
            sys.executable,
            "-m",
            "alexnet",
            "serve",
            str(run),
            "--port",
            "0",
            "--device",
            "cpu",
            *options,
        ]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        )
        self.address = self.process.stdout.readline().split()[0]
        self.port = int(self.address.split("/")[2].rpartition(":")[2])

    def ask(self, method, path, body=None, **headers):
        """Return the status, headers and content of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {n.replace("_", "-"): v for n, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def predict(self, data, query="", **headers):
        """Return the status and the JSON of an answer to a picture."""
        status, _, content = self.ask(
            "POST", f"/predict{query}", data, **{"content_type": "image/png"} | headers
        )
        return status, json.loads(content)

    def raw(self, data, seconds=20):
        """Return whatever comes back for these bytes until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), seconds) as connection:
            connection.sendall(data)
            found = b""
            try:
                while part := connection.recv(65536):
                    found += part
            except (ConnectionResetError, TimeoutError):
                pass
            return found

    def stop(self):
        """Ask it to end and return its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of 20 small steps, whose classes have hostile names."""
    folder = tmp_path_factory.mktemp("served")
    pictures = draw_pictures(folder / "pictures", NAMES)
    command = [
        sys.executable,
        "-m",
        "alexnet",
        "train",
        "cifar10-18pct",
        "--data",
        str(pictures),
        "--smoke",
        *SMALL,
    ]
    environment = os.environ | {"ALEXNET_CACHE": str(folder / "cache")}
    subprocess.run(
        [*command, "--output-dir", str(folder / "run")], check=True, capture_output=True, env=environment
    )
    return folder / "run"


@pytest.fixture(scope="module")
def server(trained):
    made = Server(trained, "--neighbors", "--batch", "4")
    yield made
    code, said = made.stop()
    assert code == 0 and "Traceback" not in said, said


def picture(number, side=40):
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (side, side + number % 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_it_answers_as_predict_does_alone_and_amid_others(server, trained):
    predictor = alexnet.load(trained)
    alone = {}
    for number in range(6):
        status, told = server.predict(picture(number), "?k=3")
        assert status == 200 and len(told["predictions"]) == 3 and len(told["neighbors"]) == 6
        expected = predictor.predict(picture(number), k=3)[0]
        assert [p["class_name"] for p in told["predictions"]] == list(expected.class_names)
        for one, probability in zip(told["predictions"], expected.probabilities, strict=True):
            assert one["probability"] == pytest.approx(probability, abs=2e-3)
        alone[number] = told
    with ThreadPoolExecutor(12) as pool:
        asked = [number % 6 for number in range(90)]
        for number, (status, told) in zip(
            asked, pool.map(lambda n: server.predict(picture(n), "?k=3"), asked), strict=True
        ):
            assert status == 200 and told == alone[number], "to the last bit"


def test_neighbors_are_training_pictures_and_no_others_are_shown(server):
    _, told = server.predict(picture(1))
    number = told["neighbors"][0]["number"]
    status, headers, content = server.ask("GET", f"/training/{number}.png")
    with Image.open(io.BytesIO(content)) as shown:
        assert status == 200 and headers["content-type"] == "image/png" and shown.size == (36, 36)
    for path in ("/training/999999.png", "/training/-1.png", "/training/1.jpg"):
        assert server.ask("GET", path)[0] == 404


def test_pages_descriptions_and_counts(server):
    status, headers, content = server.ask("GET", "/")
    assert status == 200 and b"page.js" in content and b"<script>" not in content
    assert (
        "script-src 'self'" in headers["content-security-policy"]
        and headers["x-content-type-options"] == "nosniff"
    )
    assert not {name.lower() for name in headers} & {"access-control-allow-origin", "server"}
    api = json.loads(server.ask("GET", "/openapi.json")[2])
    assert api["openapi"].startswith("3.") and "/predict" in api["paths"]
    model = json.loads(server.ask("GET", "/model")[2])
    assert model["class_names"] == sorted(NAMES) or set(model["class_names"]) == set(NAMES)
    counts = server.ask("GET", "/metrics")[2].decode()
    assert 'alexnet_answers_total{code="200"}' in counts and "alexnet_waiting 0" in counts
    assert json.loads(server.ask("GET", "/health")[2]) == {"status": "ok"}
    with Image.open(io.BytesIO(server.ask("GET", "/kernels.png")[2])) as kernels:
        kernels.load()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("POST", "/predict?k=0", {}, 400, "bad-k"),
        ("POST", "/predict?k=" + "9" * 5000, {}, 400, "bad-k"),
        ("POST", "/predict", {"content_type": "text/html"}, 415, "not-an-image-type"),
        ("POST", "/predict", {"content_type": "multipart/form-data; boundary=x"}, 415, "not-an-image-type"),
        ("POST", "/predict", {"content_encoding": "gzip"}, 415, "encoded"),
        ("POST", "/predict", {"origin": "http://evil.example"}, 403, "other-site"),
        ("POST", "/predict", {"origin": "null"}, 403, "other-site"),
        ("POST", "/predict", {"sec_fetch_site": "cross-site"}, 403, "other-site"),
        ("GET", "/", {"host": "evil.example"}, 421, "wrong-host"),
        ("GET", "/predict", {}, 405, "not-allowed"),
        ("POST", "/", {}, 405, "not-allowed"),
        ("GET", "/..%2f..%2fetc/passwd", {}, 404, "not-found"),
        ("GET", "/page.html", {}, 404, "not-found"),
        ("GET", "/assets/page.js", {}, 404, "not-found"),
    ],
)
def test_what_is_refused_says_a_code_and_nothing_else(server, method, path, headers, status, code):
    sent = {"content_type": "image/png"} | headers
    answer = server.ask(method, path, picture(0) if method == "POST" else None, **sent)
    assert (answer[0], json.loads(answer[2])) == (status, {"error": code})


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"<html>hello</html>", "html"),
        (b"\x00" * 100, "not-an-image"),
        (picture(0)[:200], "truncated"),
        (b"GIF89a", None),
        (b"\xff\xd8\xff" + os.urandom(500), None),
    ],
    ids=["empty", "html", "zeros", "truncated", "gif", "noise"],
)
def test_what_is_no_picture_is_told_and_the_next_one_is_served(server, data, code):
    status, told = server.predict(data)
    assert status == 422 and list(told) == ["error"] and (code is None or told["error"] == code)
    assert server.predict(picture(2))[0] == 200


def test_a_bomb_is_refused_before_it_is_unpacked(server):
    stream = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(stream, "PNG")
    status, told = server.predict(stream.getvalue())
    assert (status, told) == (422, {"error": "too-large"})


def test_uploads_end_at_the_limit_however_they_come(server):
    limit = 10 * 2**20
    head = b"POST /predict HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: image/png\r\n" % server.port
    declared = server.raw(head + b"Content-Length: %d\r\n\r\n" % (limit + 1))
    assert (
        b" 413 " in declared
        and b'{"error":"too-large"}' in declared
        and b"connection: close" in declared.lower()
    )
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    chunked = server.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (limit // 65536 + 2))
    assert b" 413 " in chunked or chunked == b"", "cut off while it is still being sent"
    digits = server.raw(head + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n")
    assert digits.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))
    assert server.predict(picture(3))[0] == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
    ids=["no host", "version", "nonsense", "long line", "many headers", "smuggled", "tls"],
)
def test_broken_requests_are_answered_or_cut_off_and_nothing_else_happens(server, request_bytes):
    found = server.raw(request_bytes, seconds=15)
    assert found == b"" or found.startswith(b"HTTP/1.1 4"), found[:200]
    assert server.ask("GET", "/health")[0] == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#? "), max_size=40))
def test_there_are_no_other_paths(server, path):
    known = {"/", "/page.js", "/page.css", "/health", "/metrics", "/openapi.json", "/model", "/kernels.png"}
    status, _, content = server.ask("GET", f"/{path}")
    if f"/{path}" not in known:
        assert status in (400, 404, 405) and (status == 400 or list(json.loads(content)) == ["error"])


def test_requests_under_way_are_answered_before_it_ends(trained):
    made = Server(trained)
    connections = [http.client.HTTPConnection("127.0.0.1", made.port, timeout=60) for _ in range(12)]
    for number, connection in enumerate(connections):
        connection.request("POST", "/predict", picture(number, side=400), {"Content-Type": "image/png"})
    deadline = time.monotonic() + 30
    while "alexnet_pictures_total 0\n" in made.ask("GET", "/metrics")[2].decode():
        assert time.monotonic() < deadline
    code, said = made.stop()
    assert (code, said) == (0, "")
    for connection in connections:
        answer = connection.getresponse()
        assert answer.status == 200 and len(json.loads(answer.read())["predictions"]) == 3
        connection.close()


def test_others_need_a_token_and_a_person_is_given_it(trained):
    refused = subprocess.run(
        [sys.executable, "-m", "alexnet", "serve", str(trained), "--host", "0.0.0.0"],
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2 and "add --public" in refused.stderr and refused.stderr.count("\n") == 1
    made = Server(trained, "--host", "0.0.0.0", "--public", environment={"ALEXNET_TOKEN": "secret"})
    assert made.address.endswith("/#secret")
    assert made.predict(picture(0)) == (401, {"error": "no-token"})
    assert made.predict(picture(0), authorization="Bearer wrong") == (401, {"error": "no-token"})
    assert made.predict(picture(0), authorization="Bearer secret", host="any.example")[0] == 200
    assert made.ask("GET", "/")[0] == made.ask("GET", "/health")[0] == 200
    assert made.ask("GET", "/model")[0] == 401
    assert made.stop()[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_this_machine_alone_and_a_taken_port_is_told(trained, server):
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    places = [
        fields[1] for fields in sockets if fields[3] == "0A" and fields[1].endswith(f":{server.port:04X}")
    ]
    assert places == [f"0100007F:{server.port:04X}"], "127.0.0.1 and nothing else"
    command = [sys.executable, "-m", "alexnet", "serve", str(trained), "--port", str(server.port)]
    taken = subprocess.run(command, capture_output=True, text=True)
    assert taken.returncode == 2 and "choose another --port" in taken.stderr and "Traceback" not in taken.stderr
