"""Planted duplicates are all found, and counts agree with a plain dictionary's."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.audit import class_balance, digest_pixels, find_duplicates


def digests(values: list[int], width: int) -> np.ndarray:
    numbers = np.array(values, np.uint64)
    if width == 0:
        return numbers
    return np.stack([numbers] * (width // 8), axis=1).view(np.uint8).reshape(len(values), width)


def plainly(first: list[int], second: list[int], *, within: bool) -> list[list[int]]:
    pairs = [[first.index(value), i] for i, value in enumerate(second) if value in first]
    return [pair for pair in pairs if not within or pair[0] != pair[1]]


CONTENTS = st.lists(st.integers(0, 12), max_size=30)


@given(CONTENTS, CONTENTS, st.sampled_from([0, 8, 16]))
def test_every_duplicate_is_found_with_the_earliest_of_its_kind(train, val, width):
    found = find_duplicates({"train": digests(train, width), "val": digests(val, width)})
    expected = {
        ("train", "train"): plainly(train, train, within=True),
        ("train", "val"): plainly(train, val, within=False),
        ("val", "val"): plainly(val, val, within=True),
    }
    assert {key: pairs.tolist() for key, pairs in found.pairs.items()} == expected
    assert found.counts == {key: len(pairs) for key, pairs in expected.items()}
    assert bool(found) == (max(Counter(train + val).values(), default=1) > 1)


def test_listed_pairs_are_capped_and_counts_are_not():
    found = find_duplicates({"train": np.zeros(50, np.uint64)}, limit=3)
    assert found.counts["train", "train"] == 49
    assert found.pairs["train", "train"].tolist() == [[0, 1], [0, 2], [0, 3]]


@pytest.mark.parametrize("byte", [0, 15])
def test_digests_that_differ_in_one_half_are_not_duplicates(byte):
    pair = np.zeros((2, 16), np.uint8)
    pair[1, byte] = 1
    assert not find_duplicates({"train": pair})


@pytest.mark.parametrize(
    "bad", [np.zeros(3, np.int64), np.zeros((3, 4), np.uint8), np.zeros((3, 8), np.uint64)]
)
def test_other_digests_are_refused(bad):
    with pytest.raises(ValueError, match="digests must be"):
        find_duplicates({"train": bad})


def test_memory_stays_compact():
    count = 200_000
    words = np.arange(count, dtype=np.uint64)[::-1].copy()
    words[-1] = words[0]
    tracemalloc.start()
    found = find_duplicates({"train": words})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.pairs["train", "train"].tolist() == [[0, count - 1]]
    assert peak < 50 * count


def test_planted_pictures_are_found_by_their_pixels():
    pictures = np.random.default_rng(0).integers(0, 256, (40, 8, 6, 3), dtype=np.uint8)
    train, val = pictures[:30].copy(), pictures[30:].copy()
    train[17], val[4] = train[3], train[29]
    found = find_duplicates({"train": digest_pixels(train), "val": digest_pixels(val)})
    assert found.pairs["train", "train"].tolist() == [[3, 17]]
    assert found.pairs["train", "val"].tolist() == [[29, 4]]
    assert found.counts["val", "val"] == 0


def test_a_digest_covers_shape_and_pixels_and_no_memory_layout():
    pictures = np.arange(96, dtype=np.uint8).reshape(2, 8, 6, 1)
    digest = digest_pixels(pictures)
    assert (digest.dtype, digest.shape) == (np.uint64, (2,))
    assert digest_pixels(np.asfortranarray(pictures)).tolist() == digest.tolist()
    assert set(digest_pixels(pictures.reshape(2, 6, 8, 1))).isdisjoint(digest)
    assert digest[0] == 15077675861912596666


@pytest.mark.parametrize(
    ("labels", "summary"),
    [
        ([0, 0, 0, 2, 2, 4], (0, 0.5, 3, (1, 3, 5))),
        ([0, 1, 2, 3, 4, 5, 5], (1, 1.0, 2, ())),
        ([], (0, 0.0, 0, (0, 1, 2, 3, 4, 5))),
    ],
)
def test_class_balance_names_extremes_and_empty_classes(labels, summary):
    balance = class_balance(np.array(labels, np.int32), 6)
    assert (balance.min, balance.median, balance.max, balance.empty) == summary


def test_a_label_beyond_the_classes_is_refused():
    with pytest.raises(ValueError, match="below 6"):
        class_balance(np.array([6]), 6)
