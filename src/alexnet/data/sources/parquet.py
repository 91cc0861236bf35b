"""Hugging Face data sets as parquet shards: a picture column of {bytes, path} and a label column.

Only the leaf columns `<image>.bytes` and the label are ever read; the `path` beside the bytes is not. Source:
the `datasets` library's `Image` and `ClassLabel` features, whose names stand in the schema metadata under
`huggingface`.
"""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.core.errors import DataError, UsageError
from alexnet.data.source import SourceInfo
from alexnet.data.sources.columns import Columns, check_types, find_columns
from alexnet.data.sources.holdout import with_held_out
from alexnet.data.sources.layout import TRAIN, VAL_NAMES
from alexnet.data.sources.options import SourceOptions
from alexnet.data.sources.picture_source import MOST_CLASSES, IdentifiedSplit, PictureSource
from alexnet.data.sources.shards import LARGEST_GROUP, LARGEST_SHARD, Shard, ShardSplit, parquet_file
from alexnet.data.sources.span import file_size

LARGEST_NATIVE = 96
"""Pixels a side: smaller pictures are probed for a size they share."""
SAMPLES = 8
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MARK = b"PAR1"
# More sub-folders are classes, and looking into each of them takes its time.
_MOST_CHILDREN = 4
# Older versions run code from a file's metadata: CVE-2023-47248.
_OLDEST = (14, 0, 1)


def open_parquet(path: Path, options: SourceOptions | None = None) -> PictureSource:
    """Open the shards `train-*` and `validation-*` or `test-*` of a folder, or one shard as a whole set.

    When the folder holds no shards, its only sub-folder that does is taken (`data/`, `plain_text/`). A part
    that is not there is set aside by `options`. Row groups are read when one of their pictures is asked for,
    and each process keeps the last one, so that pictures should be read in order.

    Raises:
        DataError: columns are missing or of a wrong type, a label is null or not a class, or a file is damaged.
        UsageError: pyarrow is missing or too old.
    """
    options = options or SourceOptions()
    _check_pyarrow()
    paths, ignored = _shards_by_split(path)
    with parquet_file(paths[TRAIN][0]) as file:
        columns = find_columns(file.schema_arrow, paths[TRAIN][0])
    splits: dict[str, IdentifiedSplit] = {name: _split(files, columns) for name, files in paths.items()}
    highest = max(int(split.labels.max(initial=0)) for split in splits.values())
    most = len(columns.names) if columns.names else MOST_CLASSES
    if highest >= most:
        raise DataError(f"has the label {highest}, and can have {most} classes", where=path)
    classes = columns.names or tuple(str(i) for i in range(highest + 1))
    shape = _native_shape(splits[TRAIN])
    if "val" not in splits:
        splits = with_held_out(splits[TRAIN], classes, options)
    info = SourceInfo(kind="parquet", path=str(path), classes=classes, class_names=classes, native_shape=shape)
    return PictureSource(info, splits, ignored)


def shards_in(folder: Path) -> list[Path]:
    """Return the parquet files of a folder, or of its only sub-folder that has some, by name."""
    shards = sorted(folder.glob("*.parquet"))
    if shards:
        return shards
    children = [
        child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")
    ]
    if len(children) > _MOST_CHILDREN:
        return []
    below = [found for child in children if (found := sorted(child.glob("*.parquet")))]
    return below[0] if len(below) == 1 else []


def _shards_by_split(path: Path) -> tuple[dict[str, list[Path]], dict[str, int]]:
    """Return the shards of `train` and, if there are some, of `val`; and what was passed over."""
    if not path.is_dir():
        return {TRAIN: [path]}, {}
    met: dict[str, list[Path]] = {}
    ignored: Counter[str] = Counter()
    for shard in shards_in(path):
        name = re.split(r"[-_.]", shard.name.lower())[0]
        if name in (TRAIN, *VAL_NAMES):
            met.setdefault(name, []).append(shard)
        else:
            ignored["parquet files of no split"] += 1
    if TRAIN not in met:
        raise DataError("holds no train-*.parquet", where=path)
    val = next((name for name in VAL_NAMES if name in met), None)
    for name in met.keys() - {TRAIN, val}:
        ignored[f"parquet files of the split {name}"] += len(met[name])
    return {TRAIN: met[TRAIN]} | ({"val": met[val]} if val else {}), dict(ignored)


def _check_pyarrow() -> None:
    try:
        import pyarrow
    except ImportError:
        raise UsageError("reading parquet needs pyarrow", remedy='pip install "alexnet[parquet]"') from None
    version = tuple(int(part) for part in re.findall(r"\d+", pyarrow.__version__)[:3])
    if version < _OLDEST:
        raise UsageError(
            f"pyarrow {pyarrow.__version__} is unsafe", remedy='pip install --upgrade "alexnet[parquet]"'
        )


def _split(paths: list[Path], columns: Columns) -> ShardSplit:
    shards, labels = [], []
    for path in paths:
        shard, own = _read_shard(path, columns)
        shards.append(shard)
        labels.append(own)
    return ShardSplit(shards, columns.image, np.concatenate(labels))


def _read_shard(path: Path, columns: Columns) -> tuple[Shard, np.ndarray]:
    """Return a shard's table of row groups and its labels."""
    with parquet_file(path) as file:
        check_types(file.schema_arrow, columns, path)
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
        if sum(group.num_rows for group in groups) > LARGEST_SHARD:
            raise DataError(f"claims more than {LARGEST_SHARD} rows", where=path)
        if any(group.total_byte_size > LARGEST_GROUP for group in groups):
            raise DataError(f"has a row group of more than {LARGEST_GROUP} bytes", where=path)
        column = file.read(columns=[columns.label], use_threads=False).column(0)
        labels = column.to_numpy() if not column.null_count else np.array([-1])
    if len(labels) and (labels.min() < 0 or labels.max() > np.iinfo(np.int32).max):
        raise DataError("holds pictures without a label", where=path)
    return Shard(path, file_size(path), tuple(group.num_rows for group in groups)), labels.astype(np.int32)


def _native_shape(split: IdentifiedSplit) -> tuple[int, int, int] | None:
    """Return the size that a few small pictures of the split share, by their headers; None if they differ."""
    first = _header_shape(split.read(0)) if len(split) else None
    if first is None or max(first[:2]) > LARGEST_NATIVE:
        return None
    places = np.linspace(0, len(split) - 1, SAMPLES).astype(int).tolist()
    return first if all(_header_shape(split.read(place)) == first for place in places) else None


def _header_shape(data: bytes) -> tuple[int, int, int] | None:
    channels = {"L": 1, "RGB": 3}
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            return (picture.height, picture.width, channels[picture.mode]) if picture.mode in channels else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
