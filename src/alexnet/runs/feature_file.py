"""Features as files that other programs read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.core.errors import DataError, UsageError
from alexnet.core.files import commit_bytes, commit_file

Rows = Iterable[tuple[list[str], list[str] | None, np.ndarray]]
"""Names, classes where known, and numbers (N, D) of some pictures."""


def write_features(out: Path, rows: Rows) -> tuple[int, int]:
    """Write features as they come; the file is there when it is whole.

    Args:
        out: `.npy`, with a `.csv` of names beside it, or `.parquet` with columns `path`, `class`, `features`.

    Returns:
        Number of pictures, and of numbers for each.

    Raises:
        DataError: there was no picture.
        UsageError: pyarrow is not installed.
        StorageError: it could not be written; nothing is left behind.
    """
    return (_write_parquet if out.suffix == ".parquet" else _write_npy)(out, rows)


def read_names(out: Path) -> list[tuple[str, str]]:
    """Return the path and the class, or nothing, of each row of an `.npy` file that `write_features` wrote.

    Raises:
        DataError: the list of names is missing or damaged.
    """
    path = out.with_suffix(".csv")
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return [(row["path"], row["class"]) for row in csv.DictReader(stream)]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        raise DataError("cannot be read", where=path, remedy="write the features again") from None


def _write_npy(out: Path, rows: Rows) -> tuple[int, int]:
    names = io.StringIO()
    writer = csv.writer(names, lineterminator="\n")
    writer.writerow(("row", "path", "class"))
    count = length = 0
    with commit_file(out) as stream:
        _header(stream, 0, 0)
        for paths, classes, numbers in rows:
            for place, path in enumerate(paths):
                writer.writerow((count + place, path, classes[place] if classes else ""))
            stream.write(np.ascontiguousarray(numbers, "<f4").tobytes())
            count, length = count + len(paths), numbers.shape[1]
        if not count:
            raise DataError("no picture could be read", where=out)
        stream.seek(0)
        _header(stream, count, length)
        commit_bytes(out.with_suffix(".csv"), names.getvalue().encode())
    return count, length


def _header(stream: Any, count: int, length: int) -> None:
    """Write a header of 128 bytes, the same length whatever the counts: it is written again at the end."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, {length}), }}"
    stream.write(b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117).encode("latin1") + b"\n")


def _write_parquet(out: Path, rows: Rows) -> tuple[int, int]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed", remedy='run: pip install "alexnet[parquet]"'
        ) from None
    count = length = 0
    writer = None
    with commit_file(out) as stream:
        for paths, classes, numbers in rows:
            length = numbers.shape[1]
            kind = pa.list_(pa.float32(), length)
            schema = pa.schema([("path", pa.string()), ("class", pa.string()), ("features", kind)])
            writer = writer or pq.ParquetWriter(stream, schema)
            flat = pa.array(np.ascontiguousarray(numbers, np.float32).reshape(-1))
            columns = [
                pa.array(paths, pa.string()),
                pa.array(classes if classes else [None] * len(paths), pa.string()),
                pa.FixedSizeListArray.from_arrays(flat, type=kind),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            count += len(paths)
        if writer is None:
            raise DataError("no picture could be read", where=out)
        writer.close()
    return count, length
