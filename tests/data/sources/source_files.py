"""Small sources for tests, written with the standard library's own writers."""

import io
import tarfile
from pathlib import Path

import numpy as np


def write_files(root: Path, files: dict[str, bytes]) -> Path:
    """Write files under a folder, with their folders."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def class_files(*classes: str, count: int = 4, folder: str = "") -> dict[str, bytes]:
    """Return `count` distinct pictures a class, as name to bytes. No reader decodes them."""
    names = [(f"{folder}{name}/{i}.jpg", f"{folder}{name}{i}") for name in classes for i in range(count)]
    return {name: data.encode("utf-8", "surrogateescape") for name, data in names}


def tar_bytes(files: dict[str, bytes], *, mode: str = "w", format: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar of the files, gzipped with mode "w:gz"."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=format, errors="surrogateescape") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def tar_header(name: bytes, size: bytes = b"0", kind: bytes = b"0") -> bytes:
    """Return a V7 header with a correct checksum, whatever its fields say."""
    fields = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.rjust(11, b"0") + b"\0"
    block = bytearray((fields + b"00000000000\0" + b" " * 8 + kind).ljust(512, b"\0"))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def cifar_rows(count: int, classes: int, label_bytes: int = 1) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return binary CIFAR rows, their labels and their pictures as (N, 32, 32, 3)."""
    planes = (np.arange(count * 3072, dtype=np.uint32) * 2654435761 >> 24).astype(np.uint8).reshape(count, 3072)
    labels = (np.arange(count) % classes).astype(np.uint8)
    coarse = [np.full((count, 1), 255, np.uint8)] * (label_bytes - 1)
    rows = np.concatenate([*coarse, labels[:, None], planes], axis=1)
    return rows.tobytes(), labels, planes.reshape(count, 3, 32, 32).transpose(0, 2, 3, 1)


def picture_names(split) -> list[str]:
    """Return the names of a split's pictures in order."""
    return [split.name(i) for i in range(len(split))]


def contents(split) -> dict[str, tuple[int, bytes]]:
    """Return everything a split holds: name to label and bytes."""
    return {split.name(i): (int(split.labels[i]), split.read(i)) for i in range(len(split))}
