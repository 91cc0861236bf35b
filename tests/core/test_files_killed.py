"""The commit protocol under SIGKILL at every system call that changes something."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet.core import files
from alexnet.core.files import remove_leftovers, verify_folder

OLD, NEW = b"old" * 1000, b"new" * 2000
CALLS = "openat,write,fsync,close,?mkdir,?mkdirat,?rename,?renameat,?renameat2,?unlink,?unlinkat"
MARK = "/alexnet-begins-here"
PROGRAM = """
import os, sys
from pathlib import Path
from alexnet.core import files
def save_in_place(path, data):
    with open(path, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
def save_folder(path, data):
    with files.commit_folder(path) as folder:
        (folder / "x").write_bytes(data)
save = {"file": files.commit_bytes, "in place": save_in_place, "folder": save_folder}[sys.argv[1]]
os.access(sys.argv[2], os.F_OK)
save(Path("a"), b"new" * 2000)
"""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def strace() -> str:
    program = shutil.which("strace")
    if program is None:
        pytest.skip("STRACE ABSENT: the kill at every system call is not tested on this machine")
    probe = subprocess.run([program, "-e", "trace=none", "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"STRACE CANNOT TRACE on this machine: {probe.stderr.strip()}")
    return program


def traced_calls(strace: str, kind: str, folder: Path, *options: str) -> tuple[list[str], list[str]]:
    """Save "a" in `folder` under strace; return the system calls before and after the saving began."""
    log = folder.with_name(f"{folder.name}.log")
    trace = ["-e", f"trace={CALLS},?access,?faccessat,?faccessat2"]
    source = str(Path(files.__file__).parents[2])
    # A bytecode cache of its own: what other processes compile may not change the number of calls.
    bytecode = str(folder.parent / "bytecode")
    subprocess.run(
        [strace, "-o", log, *trace, *options, sys.executable, "-S", "-c", PROGRAM, kind, MARK],
        env={"PYTHONPATH": source, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONHASHSEED": "0"},
        cwd=folder,
        check=False,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )
    before, mark, after = log.read_text().partition(MARK)
    assert mark, f"the program ended before it began to save; see {log}"
    return re.findall(r"^(\w+)\(", before, re.MULTILINE), re.findall(r"^(\w+)\(", after, re.MULTILINE)


def killed_at_every_call(strace: str, kind: str, folder: Path, old: bytes | None) -> list[Path]:
    """Save under SIGKILL at the first, second, ... system call, each time in a new folder; return the folders."""

    def fresh(name: str) -> Path:
        place = folder / name
        place.mkdir()
        if old is not None:
            (place / "a").write_bytes(old)
        return place

    traced_calls(strace, kind, fresh("warm-up"))
    before, after = traced_calls(strace, kind, fresh("whole"))
    places = []
    for index, call in enumerate(after):
        nth = before.count(call) + after[: index + 1].count(call)
        places.append(fresh(f"{index}-{call}"))
        _, reached = traced_calls(strace, kind, places[-1], "-e", f"inject={call}:signal=KILL:when={nth}")
        assert reached == after[: index + 1]
    return places


def test_a_kill_at_any_call_leaves_the_old_file_or_the_new_one(strace, tmp_path):
    places = killed_at_every_call(strace, "file", tmp_path, OLD)
    held = [(place / "a").read_bytes() for place in places]
    assert set(held) == {OLD, NEW}
    for place in places:
        remove_leftovers(place)
        assert names(place) == {"a"}


def test_a_kill_at_any_call_leaves_a_whole_folder_or_none(strace, tmp_path):
    places = killed_at_every_call(strace, "folder", tmp_path, None)
    present = [place for place in places if (place / "a").exists()]
    assert 0 < len(present) < len(places)
    for place in present:
        verify_folder(place / "a")
        assert (place / "a" / "x").read_bytes() == NEW
    for place in places:
        remove_leftovers(place)
        assert names(place) <= {"a"}


def test_a_kill_catches_the_saver_without_a_temporary_file(strace, tmp_path):
    places = killed_at_every_call(strace, "in place", tmp_path, OLD)
    assert not {(place / "a").read_bytes() for place in places} <= {OLD, NEW}
