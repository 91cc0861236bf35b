"""One run that is killed a thousand times, and ends with the bytes of one that never was.

    python tests/faults/many_kills.py --kills 1000 --out docs/faults/kills.json      # with ALEXNET_TEST_DATA

The chain is that of tests/runs/test_kills.py, longer: three kills of four in the middle of a step, others in a save.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from long_forms import about, write

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "runs"))
import test_kills as chain


def main(arguments: list[str]) -> int:
    """Run the long form; return 0 where the bytes are the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path, help="CIFAR-10's test shard, packed at 36 pixels")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    epochs = max(2, -(-options.kills * chain.LONG_EPOCHS // 40))
    chain.subprocess = _Patient
    with tempfile.TemporaryDirectory() as name:
        folder, begin = Path(name), time.perf_counter()
        for part in ("alone", "killed"):
            (folder / part).mkdir()
        expected = chain.undisturbed(options.pack, folder / "alone", epochs)
        alone = time.perf_counter() - begin
        places = chain.kills(options.kills, options.seed)
        endings = chain.run_plan(
            chain.chain(folder / "killed" / "run", options.pack, places, epochs), folder / "killed"
        )
        found = chain.final_digests(folder / "killed" / "run")
    result = {
        "kills": sum(ending["killed"] for ending in endings),
        "planned": options.kills,
        "steps": epochs * chain.IMAGES // chain.BATCH,
        "same_bytes": found == expected,
        "finished": endings[-1] == {"killed": False, "code": 0},
        "seed": options.seed,
        "seconds": {"alone": round(alone), "in all": round(time.perf_counter() - begin)},
    }
    result["passed"] = result["same_bytes"] and result["finished"] and result["kills"] >= 0.75 * options.kills
    write(result | about(), options.out)
    return 0 if result["passed"] else 1


class _Patient:
    """`subprocess`, with hours in place of minutes."""

    @staticmethod
    def run(command: list[str], **options: object) -> subprocess.CompletedProcess:
        return subprocess.run(command, **{**options, "timeout": 6 * 3600})  # type: ignore[call-overload]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
