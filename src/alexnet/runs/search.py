"""Search by features: which of many pictures a network finds most like others (paper, section 6.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.core.errors import DataError, UsageError
from alexnet.core.terminal import Progress
from alexnet.evaluation.approximate import ApproximateIndex
from alexnet.evaluation.features import features
from alexnet.evaluation.neighbors import nearest_vectors
from alexnet.runs.feature_file import read_names
from alexnet.runs.gallery import Gallery
from alexnet.runs.predictor import Predictor

Failed = Callable[[DataError], None]


@dataclass(frozen=True)
class Match:
    """A picture that was found."""

    index: int
    """Its place among those that were searched."""
    name: str
    class_name: str
    """Empty where it is not known."""
    distance: float


@dataclass(frozen=True)
class Found:
    """What was found for one picture, nearest first."""

    query: str
    pixels: np.ndarray
    """Prepared, uint8 (size, size, C)."""
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class Searched:
    """The pictures that are searched."""

    vectors: np.ndarray
    """float32 (N, D)."""
    names: Sequence[tuple[str, str]]
    """Name and class of each; the class is empty where it is not known."""
    pixels: Callable[[Sequence[int]], np.ndarray] | None = None
    """Gives pictures by their places, where they are at hand."""

    @classmethod
    def of(
        cls, predictor: Predictor, where: Sequence[str], *, layer: str | None, split: str, failed: Failed
    ) -> Searched:
        """Compute the features of pictures, or read them from a file.

        Args:
            where: Pictures and folders, one pack, or one `.npy` file of `write_features`.

        Raises:
            DataError: they cannot be read.
        """
        if len(where) == 1 and where[0].endswith(".npy"):
            return cls(_read(Path(where[0])), read_names(Path(where[0])))
        vectors, names, pixels = [], [], []
        gallery = Gallery(where, predictor.network.input, split, failed)
        for shown_names, classes, numbers, shown in _features(predictor, gallery, layer):
            vectors.append(numbers)
            names += zip(shown_names, classes or [""] * len(shown_names), strict=True)
            pixels.append(shown)
        if not vectors:
            raise DataError("no picture could be read", where=where[0])
        kept = np.concatenate(pixels)
        return cls(np.concatenate(vectors), names, lambda indices: kept[list(indices)])


def search(
    predictor: Predictor,
    queries: Sequence[str],
    searched: Searched,
    *,
    k: int,
    layer: str | None,
    failed: Failed,
    index: ApproximateIndex | None = None,
) -> list[Found]:
    """Find the k nearest of each query by Euclidean distance of a layer's outputs.

    Args:
        index: Of the searched vectors; by default all of them are compared.

    Raises:
        DataError: no query could be read.
        UsageError: the searched features are of another layer.
    """
    found: list[Found] = []
    for names, _, numbers, pixels in _features(
        predictor, Gallery(queries, predictor.network.input, failed=failed), layer
    ):
        if numbers.shape[1] != searched.vectors.shape[1]:
            raise UsageError(
                f"{numbers.shape[1]:,} numbers a picture cannot be compared with {searched.vectors.shape[1]:,}",
                remedy="give the --layer that the features were made with",
            )
        if index is not None:
            near = index.nearest(numbers, k)
        else:
            near = nearest_vectors(numbers, searched.vectors, k, predictor.network.device)
        for number, name in enumerate(names):
            matches = tuple(
                Match(int(index), *searched.names[index], float(distance))
                for index, distance in zip(near.indices[number], near.distances[number], strict=True)
            )
            found.append(Found(name, pixels[number], matches))
    if not found:
        raise DataError("no picture could be read", where=queries[0])
    return found


def _features(
    predictor: Predictor, gallery: Gallery, layer: str | None
) -> Iterator[tuple[list[str], list[str] | None, np.ndarray, np.ndarray]]:
    with Progress("features", total=len(gallery), unit="images") as bar:
        for shown in gallery.batches():
            numbers = features(predictor.network, shown.pixels, layer).numpy()
            yield shown.names, shown.classes, numbers, shown.pixels
            bar.advance(len(shown.names))


def _read(path: Path) -> np.ndarray:
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as numbers ({error})", where=path) from None
    if vectors.ndim != 2:
        raise DataError(f"holds an array of shape {vectors.shape}, not (pictures, numbers)", where=path)
    return vectors
