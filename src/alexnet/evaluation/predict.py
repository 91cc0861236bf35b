"""Predictions for pictures as people have them: files, bytes, arrays."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from alexnet.core.errors import DataError
from alexnet.data.decode import decode
from alexnet.data.prepare import prepare
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.input import InputSpec

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
_PNG_MODES = frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"))


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one picture, best first."""

    name: str
    classes: tuple[str, ...]
    """Class ids."""
    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]
    """Averaged over views."""


def predict(
    classifiers: Sequence[ViewClassifier],
    pictures: Iterable[Any],
    *,
    k: int = 5,
    num_views: int = 1,
    batch_size: int = 32,
) -> Iterator[Prediction]:
    """Yield the k most probable classes of each picture; several classifiers average their probabilities.

    Args:
        pictures: Paths, encoded bytes, PIL images or uint8 arrays (H, W), (H, W, 1) or (H, W, 3), or
            (name, picture) pairs of them.

    Raises:
        DataError: a picture cannot be read; names it.
    """
    first = classifiers[0]
    batch: list[tuple[str, Any]] = []
    for number, picture in enumerate(pictures):
        batch.append(picture if isinstance(picture, tuple) else (_name(picture, number), picture))
        if len(batch) == batch_size:
            yield from _predict_batch(classifiers, first, batch, k, num_views)
            batch = []
    if batch:
        yield from _predict_batch(classifiers, first, batch, k, num_views)


def load_pixels(picture: Any, spec: InputSpec, name: str = "picture") -> np.ndarray:
    """Decode and prepare one picture exactly as packing does, uint8 (size, size, C).

    Raises:
        DataError: it cannot be read; names it.
    """
    try:
        if isinstance(picture, str | Path):
            picture = Path(picture).read_bytes()
        elif isinstance(picture, Image.Image):
            picture = _as_file(picture)
        if isinstance(picture, bytes | bytearray | memoryview):
            pixels = decode(bytes(picture), channels=spec.channels, exif_rotate=spec.exif_rotate).pixels
        else:
            pixels = _array_pixels(np.asarray(picture), spec.channels)
        return prepare(pixels, spec.size, spec.filter)
    except OSError as error:
        remedy = "check the path" if error.strerror else None
        raise DataError(f"cannot be read ({error.strerror or error})", where=name, remedy=remedy) from None
    except DataError as error:
        raise DataError(error.what, where=name, remedy=error.remedy) from None


def picture_files(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Yield the given files, and the pictures inside the given folders in the order of their names.

    Raises:
        DataError: a path does not exist, or a folder holds no pictures.
    """
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file())
            if not found:
                raise DataError(
                    "holds no pictures", where=path, remedy=f"looked for {', '.join(PICTURE_SUFFIXES)}"
                )
            yield from found
        elif path.exists():
            yield path
        else:
            raise DataError("does not exist", where=path, remedy="check the path")


def _predict_batch(
    classifiers: Sequence[ViewClassifier],
    first: ViewClassifier,
    batch: Sequence[tuple[str, Any]],
    k: int,
    num_views: int,
) -> Iterator[Prediction]:
    total = None
    for classifier in classifiers:
        images = np.stack([load_pixels(picture, classifier.input, name) for name, picture in batch])
        probabilities = classifier.probabilities(images, num_views)
        total = probabilities if total is None else total + probabilities
    yield from (
        _best(name, row, first, k) for (name, _), row in zip(batch, total / len(classifiers), strict=True)
    )


def _best(name: str, probabilities: Tensor, classifier: ViewClassifier, k: int) -> Prediction:
    values, indices = probabilities.topk(min(k, len(probabilities)))
    places = indices.tolist()
    return Prediction(
        name,
        tuple(classifier.classes[i] for i in places),
        tuple(classifier.class_names[i] for i in places),
        tuple(values.tolist()),
    )


def _as_file(picture: Image.Image) -> bytes:
    """Return a PIL picture as PNG with its depth, alpha and camera orientation: `decode` has one rule for all."""
    if picture.mode not in _PNG_MODES:
        picture = picture.convert("RGB")
    stream = io.BytesIO()
    picture.save(stream, "PNG", exif=picture.info.get("exif"))
    return stream.getvalue()


def _array_pixels(array: np.ndarray, channels: int) -> np.ndarray:
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or array.dtype != np.uint8 or not array.size:
        raise DataError(
            f"is an array {array.shape} of {array.dtype}", remedy="give uint8 (H, W), (H, W, 1) or (H, W, 3)"
        )
    if array.shape[2] == channels:
        return np.ascontiguousarray(array)
    if channels == 3:
        return np.repeat(array, 3, axis=2)
    return np.asarray(Image.fromarray(array).convert("L"))[:, :, None]


def _name(picture: Any, number: int) -> str:
    return str(picture) if isinstance(picture, str | Path) else f"picture {number}"
