"""One run that is asked to stop, by SIGTERM or SIGINT, at random moments until it ends.

    python tests/faults/any_moment.py PACK --signals 200 --out docs/faults/signals.json

PACK is CIFAR-10's test shard at 36 pixels. Moments are anywhere: while it starts, in steps, saves and validations. Each
part must end as a stop is answered (75, or 130 before there is anything to save), by the signal itself before the
program has begun to listen, or at the run's end; the bytes at the end must be those of a run that nobody stopped.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from long_forms import about, write

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "runs"))
import kill_harness  # noqa: F401 - imports what a training needs, once
import test_kills as chain

from alexnet.cli.main import run

GOES_ON = ("75", "130", f"signal {signal.SIGTERM}", f"signal {signal.SIGINT}")


def parts(
    pack: Path, folder: Path, signals: int, seed: int, epochs: int, longest: float
) -> tuple[int, Counter[str]]:
    """Start, stop and go on until the run is done; return how many signals were sent, and how its parts ended."""
    rng, ends, sent = random.Random(seed), Counter(), 0
    while True:
        arguments = (
            ["train", "--resume", str(folder)] if _begun(folder) else chain.new_run(pack, folder, epochs)
        )
        child = os.fork()
        if not child:
            _train(arguments, folder.with_name("log.txt"))
        if sent < signals:
            time.sleep(rng.uniform(0, longest))
            os.kill(child, rng.choice((signal.SIGTERM, signal.SIGINT)))
            sent += 1
        _, status = os.waitpid(child, 0)
        end = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else str(os.WEXITSTATUS(status))
        ends[end] += 1
        if end not in GOES_ON:
            return sent, ends


def _begun(folder: Path) -> bool:
    return any((folder / "checkpoints").glob("step-*"))


def _train(arguments: list[str], log: Path) -> None:
    null = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        os._exit(run(arguments))
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(99)


def tried(pack: Path, signals: int, seed: int, epochs: int, longest: float = 1.0) -> dict[str, object]:
    """Return what came of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "alone").mkdir()
        expected = chain.undisturbed(pack, folder / "alone", epochs)
        sent, ends = parts(pack, folder / "run", signals, seed, epochs, longest)
        same = "0" in ends and chain.final_digests(folder / "run") == expected
        log = (folder / "log.txt").read_text(errors="replace")
    told = {"signals": sent, "ends": dict(ends), "same_bytes": same, "seed": seed}
    return told | {
        "tracebacks": log.count("Traceback"),
        "last_words": log[-3000:] if "Traceback" in log else "",
    }


def main(arguments: list[str]) -> int:
    """Run the long form; return 0 where all ended well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--signals", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=45, help="enough that all can be sent")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    # A shell starts background jobs with SIGINT ignored, and what is forked here would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found = tried(options.pack, options.signals, options.seed, options.epochs)
    write(found | about(), options.out)
    return 0 if found["same_bytes"] and found["signals"] == options.signals and not found["tracebacks"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
