"""Packs in a process that a test can interrupt: says "item N" at every read, and waits for ever at one.

Arguments: folder, workers, the item to wait at (-1: none).
"""

import os
import sys
import threading
from pathlib import Path

from memory_source import MemorySplit, memory_source, random_pictures

from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.write import pack_source

SETTINGS = PackSettings(size=None, shard_bytes=8 * 192)


class SlowSplit(MemorySplit):
    wait_at = -1

    def read(self, index):
        os.write(1, f"item {index}\n".encode())  # whole: print may write in pieces, and several processes do
        if index == self.wait_at:
            threading.Event().wait()
        return super().read(index)


def slow_source(count, wait_at=-1):
    source = memory_source(random_pictures(count), split=SlowSplit)
    source.splits["train"].wait_at = wait_at
    return source


def main(folder, workers, wait_at):
    try:
        pack_source(slow_source(40 if wait_at >= 0 else 4000, wait_at), Path(folder), SETTINGS, workers=workers)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
