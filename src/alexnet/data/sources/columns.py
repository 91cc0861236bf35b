"""The columns of a Hugging Face picture set: which they are, of what type, and the class names beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alexnet.core.errors import DataError

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("label", "labels", "fine_label")


@dataclass(frozen=True)
class Columns:
    """The columns of a data set, and the class names its metadata gives."""

    image: str
    label: str
    names: tuple[str, ...] | None


def find_columns(schema: Any, path: Path) -> Columns:
    """Return the columns of an arrow schema that hold pictures and labels.

    Raises:
        DataError: there are none, or the metadata beside them is malformed.
    """
    image = next((name for name in IMAGE_COLUMNS if name in schema.names), None)
    label = next((name for name in LABEL_COLUMNS if name in schema.names), None)
    if image is None or label is None:
        wanted = f"{' or '.join(IMAGE_COLUMNS)}, and {' or '.join(LABEL_COLUMNS)}"
        raise DataError(f"has the columns {', '.join(schema.names[:9])}; needed are {wanted}", where=path)
    return Columns(image, label, _class_names((schema.metadata or {}).get(b"huggingface"), label, path))


def check_types(schema: Any, columns: Columns, path: Path) -> None:
    """Refuse a schema whose picture column is not {bytes, ...} or whose label column is not whole numbers.

    Raises:
        DataError: names the column and its type.
    """
    from pyarrow import types

    for name in (columns.image, columns.label):
        if schema.names.count(name) != 1:
            raise DataError(f"has no single column {name}", where=path)
    image, label = schema.field(columns.image).type, schema.field(columns.label).type
    has_bytes = types.is_struct(image) and image.get_field_index("bytes") >= 0
    data = image.field("bytes").type if has_bytes else None
    if data is None or not (types.is_binary(data) or types.is_large_binary(data)):
        raise DataError(
            f"has the column {columns.image} of type {image}, not of pictures {{bytes, path}}", where=path
        )
    if not types.is_integer(label):
        raise DataError(f"has the column {columns.label} of type {label}, not of whole numbers", where=path)


def _class_names(metadata: bytes | None, label: str, path: Path) -> tuple[str, ...] | None:
    if metadata is None:
        return None
    try:
        names = json.loads(metadata)["info"]["features"][label]["names"]
    except (KeyError, TypeError):
        return None
    except (ValueError, RecursionError):
        raise DataError("has metadata that is not JSON", where=path) from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError("names its classes by something other than a list of text", where=path)
    return tuple(names)
