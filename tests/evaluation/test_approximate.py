"""Indexes of vectors: they find nearly all of what the exact search finds, and say which share."""

import numpy as np
import pytest

from alexnet.core.errors import UsageError
from alexnet.evaluation.approximate import ApproximateIndex
from alexnet.evaluation.neighbors import nearest_vectors

RNG = np.random.default_rng(0)
VECTORS = (RNG.normal(size=(40, 1, 24)) * 4 + RNG.normal(size=(40, 60, 24))).reshape(-1, 24).astype(np.float32)
QUERIES = VECTORS[::97] + RNG.normal(size=(25, 24)).astype(np.float32) * 0.1


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_nearly_all_are_found_with_exact_distances(kind):
    pytest.importorskip("faiss", reason="the index extra is not installed")
    index = ApproximateIndex(VECTORS, kind)
    found, exact = index.nearest(QUERIES, 5), nearest_vectors(QUERIES, VECTORS, 5)
    assert np.mean(found.indices == exact.indices) > 0.95 and index.recall(5) > 0.95
    same = found.indices == exact.indices
    np.testing.assert_allclose(found.distances[same], exact.distances[same], rtol=1e-9, atol=1e-9)
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_the_recall_is_that_of_what_is_found(monkeypatch):
    pytest.importorskip("faiss", reason="the index extra is not installed")
    index = ApproximateIndex(VECTORS, "ivf")
    whole = index.nearest

    def half(queries, k):
        found = whole(queries, k)
        return found._replace(indices=np.where(np.arange(k) < k // 2, found.indices, -1))

    monkeypatch.setattr(index, "nearest", half)
    assert index.recall(4) == pytest.approx(0.5, abs=0.03)


def test_a_handful_of_vectors_can_be_searched():
    pytest.importorskip("faiss", reason="the index extra is not installed")
    for kind in ("ivf", "hnsw"):
        assert ApproximateIndex(VECTORS[:3], kind).nearest(VECTORS[:2], 5).indices.tolist()[0][0] == 0


def test_without_faiss_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs faiss; run: pip install .alexnet\[index\]"):
        ApproximateIndex(VECTORS, "ivf")
