"""Load on a server: how much it can answer, and whether it answers 60 % of that for half an hour with flat memory.

    python tests/serving/load.py RUN PICTURES --minutes 30 --out docs/faults/load.json

Capacity is what eight clients get who ask again as soon as they are answered. After that, questions come at random
times at a part of that rate, whether or not earlier ones have been answered. Server and clients share the machine.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import json
import os
import platform
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

MB = 1 << 20
CLIENTS, ASKERS = 8, 64
FLAT_MB, FLAT_HANDLES = 8.0, 4
"""What the last third of a load may have more than the middle third, of memory and of file handles."""
_HERE = Path(__file__).resolve().parent


class Server:
    """A server in a process of its own, with the processes it starts.

    Args:
        command: What starts it; the address is the first word it prints.
    """

    def __init__(self, command: Sequence[str]):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        address = self.process.stdout.readline().split()[0]
        self.port = int(address.split("/")[2].rpartition(":")[2])

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()

    def size(self) -> dict[str, float]:
        """Return resident megabytes, open files, threads and processes, of the server and what it started."""
        found = {"mb": 0.0, "files": 0, "threads": 0, "processes": 0}
        for process in _family(self.process.pid):
            try:
                status = Path(f"/proc/{process}/status").read_text()
                files = len(os.listdir(f"/proc/{process}/fd"))
            except OSError:
                continue
            values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            found["mb"] += int(values.get("VmRSS", "0 kB").split()[0]) / 1024
            found["files"] += files
            found["threads"] += int(values["Threads"])
            found["processes"] += 1
        return found


def serve(run: Path, *options: str) -> list[str]:
    """Return the command of a server of this run."""
    return [sys.executable, "-m", "alexnet", "serve", str(run), "--port", "0", "--device", "cpu", *options]


def _family(pid: int) -> list[int]:
    try:
        tasks = [t for t in os.listdir(f"/proc/{pid}/task")]
        children = [Path(f"/proc/{pid}/task/{t}/children").read_text().split() for t in tasks]
    except OSError:
        return [pid]
    return [pid] + [one for some in children for child in some for one in _family(int(child))]


@dataclass(kw_only=True)
class Answers:
    """What became of questions."""

    seconds: list[float] = field(default_factory=list)
    """Of those that were answered with 200, from when they were due."""
    failures: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, outcome: str, seconds: float) -> None:
        with self.lock:
            if outcome == "200":
                self.seconds.append(seconds)
            else:
                self.failures[outcome] = self.failures.get(outcome, 0) + 1

    def quantile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


class Client:
    """A connection that is kept, and opened again when it is closed."""

    def __init__(self, port: int):
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, picture: bytes) -> str:
        """Return the status of the answer to a picture, or the name of what went wrong."""
        try:
            self.connection.request("POST", "/predict", picture, {"Content-Type": "image/jpeg"})
            answer = self.connection.getresponse()
            answer.read()
            return str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return type(error).__name__


def capacity(server: Server, pictures: Sequence[bytes], seconds: float) -> float:
    """Return answers a second that clients get who wait for each."""
    answers, end = Answers(), time.monotonic() + seconds

    def one(number: int) -> None:
        client, turn = Client(server.port), number
        while time.monotonic() < end:
            begin = time.monotonic()
            answers.note(client.ask(pictures[turn % len(pictures)]), time.monotonic() - begin)
            turn += CLIENTS
        client.connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(CLIENTS)))
    if answers.failures:
        raise RuntimeError(f"requests failed while capacity was measured: {answers.failures}")
    return len(answers.seconds) / seconds


def steady(
    server: Server, pictures: Sequence[bytes], rate: float, seconds: float, every: float
) -> tuple[Answers, list[dict[str, float]]]:
    """Ask at random times at a rate, whether or not earlier questions were answered; return the answers and the
    server's sizes over time."""
    answers, sizes, clients, local = Answers(), [], [], threading.local()
    rng, begin = random.Random(0), time.monotonic()

    def one(due: float, picture: bytes) -> None:
        if not hasattr(local, "client"):
            local.client = Client(server.port)
            clients.append(local.client)
        answers.note(local.client.ask(picture), time.monotonic() - due)

    def look() -> None:
        while time.monotonic() - begin < seconds:
            sizes.append({"seconds": round(time.monotonic() - begin, 1)} | server.size())
            time.sleep(every)

    watcher = threading.Thread(target=look)
    watcher.start()
    with ThreadPoolExecutor(ASKERS) as pool:
        due = begin
        while due - begin < seconds:
            due += rng.expovariate(rate)
            time.sleep(max(0.0, due - time.monotonic()))
            pool.submit(one, due, rng.choice(pictures))
    watcher.join()
    for client in clients:
        client.connection.close()
    return answers, sizes


def growth(sizes: Sequence[dict[str, float]], name: str) -> float:
    """Return how much more the last third of the measurements has than the middle third, by their medians."""
    values = [size[name] for size in sizes]
    third = len(values) // 3
    middle, last = sorted(values[third : 2 * third]), sorted(values[2 * third :])
    return last[len(last) // 2] - middle[len(middle) // 2]


def verdict(answers: Answers, sizes: Sequence[dict[str, float]]) -> list[str]:
    """Return what was wrong; empty where nothing was."""
    wrong = [f"{count} requests ended with {name}" for name, count in answers.failures.items()]
    if len(sizes) < 6 or not answers.seconds:
        return [*wrong, "too little was measured"]
    if growth(sizes, "mb") > FLAT_MB:
        wrong.append(f"memory grew by {growth(sizes, 'mb'):.1f} MB")
    if growth(sizes, "files") > FLAT_HANDLES:
        wrong.append(f"open files grew by {growth(sizes, 'files'):.0f}")
    return wrong


def measure(
    command: Sequence[str],
    pictures: Sequence[bytes],
    seconds: float,
    *,
    share: float = 0.6,
    probe: float = 10.0,
) -> dict[str, object]:
    """Return the figures of a load of so many seconds at a share of capacity."""
    with Server(command) as server:
        most = capacity(server, pictures, probe)
        answers, sizes = steady(server, pictures, share * most, seconds, min(10.0, seconds / 30))
    return {
        "capacity_per_second": round(most, 1),
        "share_of_capacity": share,
        "asked_per_second": round(share * most, 1),
        "minutes": round(seconds / 60, 2),
        "answered": len(answers.seconds),
        "failures": answers.failures,
        "milliseconds": {
            name: round(1000 * answers.quantile(part), 1)
            for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("slowest", 1.0))
        },
        "growth": {name: round(growth(sizes, name), 2) for name in ("mb", "files", "threads", "processes")},
        "sizes": sizes[:: max(1, len(sizes) // 60)],
        "wrong": verdict(answers, sizes),
    }


def main(arguments: list[str]) -> int:
    """Run the long form; return 0 where nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("pictures", type=Path, help="folder of JPEG files")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    files = sorted(path for path in options.pictures.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    pictures = [path.read_bytes() for path in files[:200]]
    found = measure(serve(options.run), pictures, 60 * options.minutes)
    found |= {
        "pictures": len(pictures),
        "date": datetime.date.today().isoformat(),
        "commit": _git("rev-parse", "HEAD"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "software": {name: metadata.version(name) for name in ("torch", "starlette", "uvicorn", "simplejpeg")},
    }
    print(json.dumps({name: value for name, value in found.items() if name != "sizes"}, indent=1))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if found["wrong"] else 0


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(_HERE), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
