"""A hundred thousand steps and a thousand saves of a tiny network in one process: does it grow?

    python tests/faults/long_run.py --steps 100000 --saves 1000 --out docs/faults/long-run.json

Memory, open files, threads and the bytes of a line of the log are noted at every save; the last third of the run may
not have more than the middle third.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from long_forms import about, write
from PIL import Image

from alexnet.checkpoint.store import CheckpointStore
from alexnet.cli.main import run

BATCH, PICTURES = 2, 1200
FLAT_MB, FLAT_HANDLES = 4.0, 2


def measured_run(steps: int, saves: int, folder: Path, leak: int = 0) -> dict[str, object]:
    """Train, and return what was noted at each save.

    Args:
        leak: Bytes to lose at each save, and a file handle to keep: the negative control.
    """
    _write_pictures(folder / "pictures")
    noted, lost, save = [], [], CheckpointStore.save

    def noting(self: CheckpointStore, step: int, **parts: object) -> Path:
        lost.append((bytearray(b"x" * leak), open(os.devnull)) if leak else None)  # noqa: SIM115 - the control
        path = save(self, step, **parts)
        noted.append({"step": step} | _size())
        return path

    CheckpointStore.save = noting
    try:
        settings = {
            "data.size": 32, "data.channels": 1, "view.crop": 28, "model.num_classes": 12,
            "train.threads": 1, "train.log_every": 100,
            "train.precision": "float32", "checkpoint.every_steps": steps // saves, "checkpoint.keep": 2,
            "checkpoint.every_epochs": 10**6, "data.holdout": 0, "data.select_on": "none", "data.watch_val": "false",
            "optim.lr": 1e-5, "schedule.kind": "constant",
        }  # fmt: skip
        changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        epochs = -(-steps * BATCH // PICTURES)
        command = [
            "train",
            "mnist-lenet1",
            "--data",
            str(folder / "pictures"),
            "--output-dir",
            str(folder / "run"),
        ]
        code = run(
            [
                *command,
                "--epochs",
                str(epochs),
                "--batch-size",
                str(BATCH),
                *changes,
                "--set",
                "data.channels=1",
            ]
        )
    finally:
        CheckpointStore.save = save
    lines = (folder / "run" / "metrics.jsonl").read_bytes().splitlines()
    third = len(lines) // 3
    return {
        "code": code,
        "steps": noted[-1]["step"],
        "saves": len(noted),
        "bytes_a_line": [
            round(sum(map(len, lines[k * third : (k + 1) * third])) / max(third, 1), 1) for k in range(3)
        ],
        "kept_checkpoints": len(list((folder / "run" / "checkpoints").glob("step-*"))),
        "growth": {name: round(_growth(noted, name), 2) for name in ("mb", "files", "threads")},
        "most_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "noted": noted[:: max(1, len(noted) // 50)],
    }


def wrong(found: dict[str, object]) -> list[str]:
    """Return what has grown; empty where nothing has."""
    growth, lines = found["growth"], found["bytes_a_line"]
    faults = [f"ended with {found['code']}"] if found["code"] else []
    faults += [f"memory grew by {growth['mb']} MB"] if growth["mb"] > FLAT_MB else []
    faults += [f"open files grew by {growth['files']}"] if growth["files"] > FLAT_HANDLES else []
    return faults + (["lines of the log grow"] if lines[2] > 1.2 * lines[0] else [])


def _write_pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(PICTURES + 12):
        path = folder / ("train" if number < PICTURES else "val") / f"class{number % 12}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32), np.uint8)).save(path)


def _size() -> dict[str, float]:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the allocator keeps for later is not lost
    status = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line
    )
    return {
        "mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "files": len(os.listdir("/proc/self/fd")),
        "threads": int(status["Threads"]),
    }


def _growth(noted: list[dict[str, float]], name: str) -> float:
    values, third = [one[name] for one in noted], len(noted) // 3
    middle, last = sorted(values[third : 2 * third]), sorted(values[2 * third :])
    return last[len(last) // 2] - middle[len(middle) // 2]


def main(arguments: list[str]) -> int:
    """Run the long form; return 0 where nothing grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--saves", type=int, default=1_000)
    parser.add_argument(
        "--leak", type=int, default=0, help="bytes to lose at each save: a control that must fail"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        os.environ["ALEXNET_CACHE"] = str(Path(name) / "cache")
        begin = time.perf_counter()
        found = measured_run(options.steps, options.saves, Path(name), options.leak)
    found |= {"seconds": round(time.perf_counter() - begin), "wrong": wrong(found)}
    write(found | about(), options.out)
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
