"""The long form of the fuzzing: a million mutants of pictures, or of containers, and a file of what became of them.

    python tests/hostile/fuzz.py pictures --mutants 1000000 --seed 0 --out docs/faults/fuzz-pictures.json
    python tests/hostile/fuzz.py containers --mutants 1000000 --seed 0 --out docs/faults/fuzz-containers.json

Inputs that fail are kept in a folder (--keep); `--read FILE --only TARGET` reads one of them again, with its traceback.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz_engine import BLOCKED_SECONDS, CPU_SECONDS, MB, Fuzz, Tally, Target, choose

LEAST_SHARE = 1 / 3
"""Of a kind's mutants that must reach a decoder or a parser's body."""
_HERE = Path(__file__).resolve().parent


def targets_of(kind: str) -> tuple[list[Target], dict[str, float]]:
    """Return the targets of a kind, and how many parts of all mutants each gets."""
    if kind == "pictures":
        from picture_targets import PICTURE_SHARES, picture_targets

        return picture_targets(), dict(PICTURE_SHARES)
    from container_targets import CONTAINER_SHARES, container_targets

    return container_targets(), dict(CONTAINER_SHARES)


def main(arguments: list[str]) -> int:
    """Run as the command line says; return 0 where nothing failed and enough mutants reached a body."""
    options = _parser().parse_args(arguments)
    targets, shares = targets_of(options.kind)
    targets = choose(targets, options.only)
    folder = Path(tempfile.mkdtemp(prefix="alexnet-fuzz-"))
    try:
        if options.read:
            targets[0].read(options.read.read_bytes(), folder)
            return 0
        begin, tallies = time.perf_counter(), {}
        whole = sum(shares[target.name] for target in targets)
        for target in targets:
            count = round(options.mutants * shares[target.name] / whole)
            tallies[target.name] = Fuzz(target, seed=options.seed, work=folder, keep=options.keep).run(count)
            _say(target.name, tallies[target.name])
        result = summary(options.kind, options.seed, tallies, time.perf_counter() - begin)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        return 0 if result["passed"] else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def summary(kind: str, seed: int, tallies: dict[str, Tally], seconds: float) -> dict[str, object]:
    """Return the result of a run as plain values."""
    mutants = sum(tally.mutants for tally in tallies.values())
    share = sum(tally.reached for tally in tallies.values()) / max(1, mutants)
    failures = sum(len(tally.failures) for tally in tallies.values())
    return {
        "kind": kind,
        "mutants": mutants,
        "failures": failures,
        "share_reached": round(share, 4),
        "passed": not failures and share >= LEAST_SHARE,
        "slowest_seconds": round(max(tally.slowest for tally in tallies.values()), 3),
        "peak_memory_growth_mb": round(max(tally.memory for tally in tallies.values()) / MB, 1),
        "limits": {"processor_seconds": CPU_SECONDS, "blocked_seconds": BLOCKED_SECONDS},
        "seed": seed,
        "date": datetime.date.today().isoformat(),
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--", "src", "tests")),
        "machine": "2-core x86-64 virtual machine",
        "software": _versions(),
        "seconds": round(seconds),
        "targets": {name: tally.to_json() for name, tally in tallies.items()},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("pictures", "containers"))
    parser.add_argument("--mutants", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="names of targets")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz-failures"))
    parser.add_argument("--read", type=Path)
    return parser


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(_HERE), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    from importlib import metadata

    names = ("pillow", "simplejpeg", "numpy", "torch", "safetensors", "pyarrow")
    return {"python": sys.version.split()[0], **{name: metadata.version(name) for name in names}}


def _say(name: str, tally: Tally) -> None:
    plain = tally.to_json()
    print(
        f"{name}: {tally.mutants:,} mutants, {100 * plain['share_reached']:.0f} % reached the body, "
        f"slowest {tally.slowest:.2f} s, {plain['peak_memory_growth_mb']} MB, {len(tally.failures)} failures",
        flush=True,
    )
    for failure in tally.failures:
        print(f"  {failure.kind} {failure.file}: {failure.detail}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
