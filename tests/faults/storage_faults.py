"""Every call of every writer that changes the disk, killed, failed, cut short or interrupted; prints what was found.

    python tests/faults/storage_faults.py [--careless] [--out FILE]

Started anew with the shim loaded. Each case is a fork of this process, so that it costs milliseconds.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_FAULTS = {
    "SIGKILL before": (1, 0), "SIGKILL after": (2, 0), "ENOSPC": (3, errno.ENOSPC), "EIO": (3, errno.EIO),
    "EINTR": (3, errno.EINTR), "short write": (4, 0),
}  # fmt: skip
_DONE, _SAID, _BROKEN = 0, 1, 2


def build_shim(folder: Path) -> Path:
    """Compile the shim with the system's C compiler."""
    out = folder / "shim.so"
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(out), str(_HERE / "shim.c"), "-ldl"], check=True
    )
    return out


def main(arguments: list[str]) -> int:
    """Run all cases in a process with the shim; return 0 where every one ended well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--careless", action="store_true", help="a writer that must be caught, alone")
    parser.add_argument("--every", type=int, default=1, help="one case in so many, for a short run")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    if "ALEXNET_SHIM" not in os.environ:
        with tempfile.TemporaryDirectory() as name:
            shim = str(build_shim(Path(name)))
            environment = os.environ | {"LD_PRELOAD": shim, "ALEXNET_SHIM": shim, "OMP_NUM_THREADS": "1"}
            return subprocess.run(
                [sys.executable, __file__, *arguments], env=environment, check=False
            ).returncode
    import writers

    shim = ctypes.CDLL(os.environ["ALEXNET_SHIM"])
    shim.shim_last.restype = ctypes.c_char_p
    chosen = writers.CARELESS if options.careless else writers.WRITERS
    with tempfile.TemporaryDirectory() as name:
        result = {
            title: _all_cases(writer, shim, Path(name), options.every) for title, writer in chosen.items()
        }
    failures = sum(len(found["wrong"]) for found in result.values())
    from long_forms import about

    told = {
        "cases": sum(found["cases"] for found in result.values()),
        "wrong": failures,
        "writers": result,
    } | about()
    print(json.dumps(told))
    if options.out:
        options.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 1 if failures else 0


def _all_cases(writer, shim, work: Path, every: int) -> dict[str, object]:
    calls = _calls(writer, shim, work)
    wrong, ends = [], Counter()
    everything = [(number, fault) for number in range(1, calls + 1) for fault in _FAULTS]
    for number, fault in everything[::every]:
        action, code = _FAULTS[fault]
        folder = work / "case"
        folder.mkdir()
        outcome, call = _case(writer, shim, folder, (number, action, code))
        ends[outcome] += 1
        if reason := _what_is_wrong(writer, folder, fault, outcome):
            wrong.append(f"{fault} at call {number} ({call}): {reason}")
        shutil.rmtree(folder)
    return {"calls": calls, "cases": sum(ends.values()), "ends": dict(ends), "wrong": wrong}


def _calls(writer, shim, work: Path) -> int:
    folder = work / "dry"
    folder.mkdir()
    writer.prepare(folder)
    reading, writing = os.pipe()
    if not os.fork():
        shim.shim_arm(str(folder).encode(), -1, 0, 0)
        writer.act(folder)
        count = shim.shim_count()
        shim.shim_arm(b"", -1, 0, 0)
        os.write(writing, str(count).encode())
        os._exit(0)
    os.wait()
    os.close(writing)
    count = int(os.read(reading, 20))
    os.close(reading)
    shutil.rmtree(folder)
    return count


def _case(writer, shim, folder: Path, armed: tuple[int, int, int]) -> tuple[str, str]:
    """Return how the writer ended, and the call that the fault struck."""
    writer.prepare(folder)
    log = folder.with_name("log")
    child = os.fork()
    if not child:
        status = _BROKEN
        from alexnet.core.errors import AlexNetError

        shim.shim_arm(str(folder).encode(), *armed)
        try:
            writer.act(folder)
            status = _DONE
        except AlexNetError:
            status = _SAID
        except BaseException:
            call = shim.shim_last().decode()
            shim.shim_arm(b"", -1, 0, 0)
            log.write_text(f"{call}: {traceback.format_exc()}")
        os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return ("killed" if os.WTERMSIG(status) == signal.SIGKILL else "crashed"), ""
    ends = {_DONE: "done", _SAID: "said", _BROKEN: "broken"}
    if os.WEXITSTATUS(status) == _BROKEN:
        return "broken", log.read_text()
    return ends[os.WEXITSTATUS(status)], ""


def _what_is_wrong(writer, folder: Path, fault: str, outcome: str) -> str:
    from writers import NEW, OLD

    if outcome in ("broken", "crashed"):
        return f"{outcome}, in place of one clear line"
    try:
        found = writer.found(folder)
    except Exception as error:
        return f"nothing can be read: {error}"
    if found not in (OLD, NEW):
        return f"neither old nor new: {found}"
    if outcome == "done" and found != NEW and not writer.goes_on:
        return "said to be done, and the old one is there"
    if fault in ("EINTR", "short write") and outcome != "done" and fault == "short write":
        return "a short write is not written on"
    if writer.finish is None:
        return ""
    try:
        writer.finish(folder)
    except Exception as error:
        return f"cannot be done again: {error}"
    left = [path.name for path in folder.rglob(".tmp-*")]
    if writer.found(folder) != NEW:
        return "done again, and not there"
    return f"left behind: {left}" if left else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
