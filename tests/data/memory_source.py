"""A source that lives in memory: the smallest thing that can be packed."""

import hashlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alexnet.core.keys import Key
from alexnet.data.source import SourceInfo


@dataclass
class MemorySplit:
    """Pictures in a list: bytes, arrays, or an error to raise."""

    pictures: list
    labels: np.ndarray
    names: list[str]

    def __len__(self):
        return len(self.pictures)

    def name(self, index):
        return self.names[index]

    def read(self, index):
        picture = self.pictures[index]
        if isinstance(picture, Exception):
            raise picture
        return picture


@dataclass
class MemorySource:
    info: SourceInfo
    splits: dict[str, MemorySplit] = field(default_factory=dict)

    def fingerprint(self):
        digest = hashlib.sha256()
        for name, split in self.splits.items():
            digest.update(repr((name, split.names, split.labels.tolist())).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


class SuicidalSplit(MemorySplit):
    """Kills its own process at one picture."""

    def read(self, index):
        if index == 5:  # which the estimate does not sample
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(index)


def random_pictures(count, shape=(8, 8, 3), seed=0):
    """Return uint8 (count, H, W, C)."""
    size = int(np.prod(shape))
    words = Key.from_seed(seed).words(0, np.arange(count), -(-size // 4))
    return words.view(np.uint8)[:, :size].reshape(count, *shape)


def smooth_pictures(count, shape=(16, 16, 3), seed=0):
    """Return uint8 (count, H, W, C) that JPEG keeps nearly as they are."""
    height, width, channels = shape
    corners = Key.from_seed(seed).uniform(0, np.arange(count), 3 * channels).reshape(count, 3, 1, 1, channels)
    rows, columns = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[None, :, None]
    return (255 * (corners[:, 0] + corners[:, 1] * rows + corners[:, 2] * columns) / 3).astype(np.uint8)


def memory_source(train, val=(), classes=4, *, names=None, native=True, split=MemorySplit, path="memory"):
    """Return a source of pictures with cyclic labels."""
    first = next((p for p in train if isinstance(p, np.ndarray)), None)
    info = SourceInfo(
        kind="memory",
        path=path,
        classes=tuple(f"n{i:04d}" for i in range(classes)),
        class_names=tuple(f"class {i}" for i in range(classes)),
        native_shape=tuple(first.shape) if native and first is not None else None,
    )
    source = MemorySource(info)
    for name, pictures in (("train", train), ("val", val)):
        labels = (np.arange(len(pictures)) % classes).astype(np.int32)
        listed = names if names and name == "train" else [f"{name}/{i:05d}.png" for i in range(len(pictures))]
        source.splits[name] = split(list(pictures), labels, listed)
    return source


def files(folder):
    """Return {name: bytes} of every file below a folder."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()
    }


def inodes(folder):
    """Return {name: inode} of a pack's shards: another one means that the shard was written again."""
    return {path.name: path.stat().st_ino for path in folder.glob("*.shard")}


def interrupt(_=None):
    """Do as Ctrl-C."""
    raise KeyboardInterrupt
