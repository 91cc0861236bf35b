"""Power cuts on a real file system: a writer saves checkpoints, the disk is cut off, mounted again, and read.

    python tests/faults/power_cut.py --cuts 200 --out docs/faults/power-cuts.json      # as root, on Linux

An ext4 file system in a file is shut down without its journal being flushed (FS_IOC_SHUTDOWN), which is what a power
cut leaves: what had been synced is there, nothing else need be. After each cut the newest whole checkpoint must be at
least the last one that the writer had been told was saved.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from long_forms import about, write

from alexnet.checkpoint.store import CheckpointStore
from alexnet.core import files
from alexnet.core.errors import CheckpointError

_SHUTDOWN, _WITHOUT_LOG = 0x8004587D, struct.pack("I", 2)
_MB = 1 << 20


class Disk:
    """A file system in a file, that can be cut off."""

    def __init__(self, folder: Path, size: int = 96 * _MB):
        self.image, self.place = folder / "disk.img", folder / "disk"
        self.place.mkdir()
        with open(self.image, "wb") as stream:
            stream.truncate(size)
        _run("mkfs.ext4", "-q", "-F", str(self.image))
        self.mount()

    def mount(self) -> None:
        _run("mount", "-o", "loop", str(self.image), str(self.place))

    def unmount(self) -> None:
        for _ in range(50):
            if subprocess.run(["umount", str(self.place)], capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.05)
        _run("umount", "-l", str(self.place))

    def cut(self) -> None:
        """Cut the power: nothing that is not on the disk will be."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _WITHOUT_LOG)
        finally:
            os.close(descriptor)


def possible(folder: Path) -> str:
    """Return why power cannot be cut here; empty where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "NO ROOT ON LINUX: power cuts need a file system of their own"
    try:
        disk = Disk(folder)
        disk.cut()
        disk.unmount()
    except (OSError, RuntimeError) as error:
        return f"NO LOOP MOUNT: {error}"
    return ""


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")


def _save_on(store: CheckpointStore, step: int, told: int, *, synced: bool) -> None:
    """Save step after step, telling each that is done, until this process is killed."""
    if not synced:
        files.os.fsync = lambda descriptor: None
    while True:
        step += 1
        tensors = {"w": torch.full((2000 + step % 700,), float(step))}
        store.save(step, model=tensors, velocity=tensors, state={"step": step}, config={})
        os.write(told, struct.pack("<q", step))
        store.rotate(3, None)


def cut_while_saving(disk: Disk, seconds: float, *, synced: bool = True) -> tuple[int, int]:
    """Cut the power after so many seconds of saving; return the last step that was told to be saved, and that found."""
    store = CheckpointStore(disk.place / "checkpoints")
    begin = max(store.steps(), default=0)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            _save_on(store, begin, writing, synced=synced)
        os._exit(1)
    os.close(writing)
    time.sleep(seconds)
    disk.cut()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(reading, "rb") as stream:
        acknowledged = max((step for (step,) in struct.iter_unpack("<q", stream.read())), default=begin)
    disk.unmount()
    disk.mount()
    store.clean()
    try:
        found = store.latest()
    except CheckpointError:
        return acknowledged, -1
    return acknowledged, int(found.name.removeprefix("step-")) if found else 0


def main(arguments: list[str]) -> int:
    """Run the long form; return 0 where nothing that was acknowledged was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rng, saves, lost = random.Random(options.seed), 0, []
    with tempfile.TemporaryDirectory() as name:
        disk = Disk(Path(name))
        before = 0
        for number in range(options.cuts):
            told, found = cut_while_saving(disk, rng.uniform(0.01, 0.4))
            saves, before = saves + told - before, max(told, found)
            if found < told:
                lost.append({"cut": number, "acknowledged": told, "found": found})
        disk.unmount()
        control = Path(name) / "control"
        control.mkdir()
        disk = Disk(control)
        unsynced = [cut_while_saving(disk, 0.2, synced=False) for _ in range(5)]
        disk.unmount()
    caught = sum(found < told for told, found in unsynced)
    result = {"cuts": options.cuts, "acknowledged_saves": saves, "lost": lost, "seed": options.seed}
    result |= {
        "control_without_fsync": {"cuts": 5, "caught": caught},
        "passed": not lost and caught > 0,
    } | about()
    write(result, options.out)
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
