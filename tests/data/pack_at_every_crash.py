"""Kills a packing at each of its storage calls in turn and finishes it; prints how many there were.

Every trial is a fork of this process, so that it starts within milliseconds. Arguments: folder, reference pack.
"""

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path

from memory_source import files, memory_source, random_pictures

from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.write import pack_source

SOURCE = memory_source(random_pictures(5, (4, 4, 3)), random_pictures(1, (4, 4, 3), seed=1))
SETTINGS = PackSettings(size=None, shard_bytes=2 * 48)
CALLS = ("open", "fsync", "replace", "mkdir", "unlink", "rmdir")


def kill_at(number):
    """Make the storage call `number` of this process its last; half of them happen, half do not."""
    count = 0

    def counted(call):
        def wrapper(*args, **kwargs):
            nonlocal count
            count += 1
            if count == number and number % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args, **kwargs)
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapper

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def trial(folder, number):
    """Return whether a packing that was to be killed at a call was killed."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            kill_at(number)
            pack_source(SOURCE, folder, SETTINGS, workers=1)
            os._exit(0)
        os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"call {number}: status {status}"
    return os.WIFSIGNALED(status)


def main(folder, reference):
    os.fsync = lambda _: (
        None
    )  # a kill, unlike a power cut, keeps what was written: flushing would only cost time
    expected = files(reference)
    number = 1
    while trial(folder, number):
        kept = {path: path.stat().st_ino for path in folder.glob("*.shard") if (folder / ".work").is_dir()}
        finished = {path for path in kept if (folder / ".work" / f"{path.stem}.done").exists()}
        pack_source(SOURCE, folder, SETTINGS, workers=1)
        assert files(folder) == expected, f"call {number}: another pack"
        assert all(path.stat().st_ino == kept[path] for path in finished), (
            f"call {number}: a shard was made again"
        )
        shutil.rmtree(folder)
        number += 1
    print(number - 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
