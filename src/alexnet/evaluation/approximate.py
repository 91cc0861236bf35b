"""The nearest of very many vectors by an index of faiss: nearly always the right ones, in much less time."""

from __future__ import annotations

import importlib.util
import math
from typing import Any, Literal

import numpy as np

from alexnet.core.errors import UsageError
from alexnet.evaluation.neighbors import Neighbors, nearest_vectors

Kind = Literal["ivf", "hnsw"]
_CANDIDATES = 4
"""Times as many as are asked for are taken from the index, and ordered by their exact distances."""
_ASKED = 200
"""Vectors of the set itself that the recall is measured with."""
_LEAST_IN_A_CELL = 39
"""With fewer vectors for each cell, faiss warns that cells are badly placed."""


class ApproximateIndex:
    """An index of vectors.

    Args:
        vectors: float32 (N, D).
        kind: `ivf`: cells around 2 sqrt(N) centers, of which an eighth is looked through. `hnsw`: a graph of neighbors
            (32 each), quicker to ask, slower to build, larger.

    Raises:
        UsageError: faiss is not installed.
    """

    def __init__(self, vectors: np.ndarray, kind: Kind):
        if importlib.util.find_spec("faiss") is None:
            raise UsageError(f"--index {kind} needs faiss", remedy='run: pip install "alexnet[index]"')
        self.vectors, self.kind = vectors, kind
        self._index = _ivf(vectors) if kind == "ivf" else _hnsw(vectors)

    def nearest(self, queries: np.ndarray, k: int) -> Neighbors:
        """Return nearly always the k nearest by Euclidean distance, their distances in double precision.

        Args:
            queries: (Q, D).
        """
        count = min(_CANDIDATES * k, len(self.vectors))
        _, found = self._index.search(np.ascontiguousarray(queries, np.float32), count)
        distances, indices = [], []
        for query, places in zip(queries, found, strict=True):
            places = np.unique(places[places >= 0])
            near = nearest_vectors(query[None], self.vectors[places], k)
            distances.append(near.distances[0])
            indices.append(places[near.indices[0]])
        fewest = min(map(len, indices))
        return Neighbors(np.stack([d[:fewest] for d in distances]), np.stack([i[:fewest] for i in indices]))

    def recall(self, k: int) -> float:
        """Return which share of the exact k nearest the index finds, for some of its own vectors."""
        places = np.linspace(0, len(self.vectors) - 1, min(_ASKED, len(self.vectors))).astype(np.int64)
        asked = np.asarray(self.vectors[places])
        exact, found = nearest_vectors(asked, self.vectors, k).indices, self.nearest(asked, k).indices
        hits = [len(set(a) & set(b)) for a, b in zip(exact, found, strict=True)]
        return sum(hits) / exact.size


def _ivf(vectors: np.ndarray) -> Any:
    import faiss

    count, width = vectors.shape
    cells = max(1, min(round(2 * math.sqrt(count)), count // _LEAST_IN_A_CELL))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, cells)
    plain = np.ascontiguousarray(vectors, np.float32)
    index.train(plain)
    index.add(plain)
    index.nprobe = max(1, math.ceil(cells / 8))
    return index


def _hnsw(vectors: np.ndarray) -> Any:
    import faiss

    index = faiss.IndexHNSWFlat(vectors.shape[1], 32)
    index.hnsw.efConstruction, index.hnsw.efSearch = 200, 128
    index.add(np.ascontiguousarray(vectors, np.float32))
    return index
