"""Keyed randomness: known answers, independence of how it is asked for, and statistics."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.core.keys import Key, philox

WORD = st.integers(0, 2**32 - 1)
KEY = Key.from_seed(2012)

# Random123 (github.com/DEShawResearch/random123), tests/kat_vectors, lines "philox4x32 10":
# counter, key, answer.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words_of(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def plain_philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 as the paper prints it, one counter at a time in whole numbers."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [c0, c1, c2, c3]


def chi_square(counts: np.ndarray, expected: float) -> float:
    """Standard deviations by which Pearson's statistic is off its mean (normal for many degrees of freedom)."""
    freedom = counts.size - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom))


# --- the generator


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_the_published_answers_come_out(counter, key, answer):
    low, high = words_of(key)
    got = philox(high << 32 | low, *np.array(words_of(counter), np.uint64).reshape(4, 1))
    assert [int(word[0]) for word in got] == words_of(answer)
    assert plain_philox(words_of(counter), [low, high]) == words_of(answer)


@given(st.lists(WORD, min_size=4, max_size=4), st.lists(WORD, min_size=2, max_size=2))
def test_arrays_agree_with_the_plain_form(counter, key):
    got = philox(key[1] << 32 | key[0], *np.array(counter, np.uint64).reshape(4, 1))
    assert [int(word[0]) for word in got] == plain_philox(counter, key)


@given(WORD, WORD, st.integers(0, 2**64 - 1))
def test_words_name_their_place_by_block_second_first(first, second, value):
    key = [value % 2**32, value >> 32]
    expected = plain_philox([0, second, first, 0], key) + plain_philox([1, second, first, 0], key)
    assert Key(value).words(first, second, 8).tolist() == expected


# --- the same draws however they are asked for


@settings(max_examples=60)
@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["words", "uniform", "normal"]))
def test_a_draw_does_not_depend_on_how_many_are_drawn(few, many, kind):
    few, many = sorted((few, many))
    draw = getattr(KEY, kind)
    np.testing.assert_array_equal(draw(3, np.arange(5), many)[:, :few], draw(3, np.arange(5), few))


@given(st.lists(WORD, max_size=9), WORD, st.integers(0, 9), st.sampled_from(["words", "uniform", "normal"]))
def test_a_draw_does_not_depend_on_its_batch(samples, epoch, count, kind):
    draw = getattr(KEY, kind)
    together = draw(epoch, np.array(samples, np.uint64), count)
    assert together.shape == (len(samples), count)
    for row, sample in zip(together, samples, strict=True):
        np.testing.assert_array_equal(row, draw(epoch, sample, count))


def test_positions_broadcast_against_each_other():
    grid = KEY.words(np.arange(3)[:, None], np.arange(4), 5)
    assert grid.shape == (3, 4, 5) and grid.dtype == np.uint32
    np.testing.assert_array_equal(grid[2, 1], KEY.words(2, 1, 5))


def test_another_process_draws_the_same():
    code = (
        "from alexnet.core.keys import Key; print(Key.from_seed(2012).derive('views').words(1, 2, 3).tolist())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(KEY.derive("views").words(1, 2, 3).tolist())


def test_the_numbers_of_the_first_release_never_change():
    """A recipe's seed must mean the same run in every version; these digests may not be edited."""
    draws = {
        "words": KEY.words(np.arange(7)[:, None], np.arange(11), 13),
        "uniform": KEY.uniform(5, np.arange(100), 3),
        "permutation": KEY.permutation(4, 1000),
    }
    digests = {
        name: hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()[:16]
        for name, array in draws.items()
    }
    assert digests == {
        "words": "a80c8092f36ef3f6",
        "uniform": "8fb6ab6457cd4184",
        "permutation": "fbf4a0399146abff",
    }
    # Logarithm and cosine may differ in the last bit between C libraries.
    normal = [
        -1.2706861147484463,
        0.04016031828098702,
        0.09649164685282115,
        0.6375493852045849,
        -0.2862498962006865,
    ]
    np.testing.assert_allclose(KEY.normal(1, 2, 5), normal, rtol=1e-14)


# --- derived keys


def test_seeds_and_purposes_give_different_keys():
    keys = [Key.from_seed(seed) for seed in range(1000)]
    keys += [KEY.derive(purpose) for purpose in ("order", "views", "", "order ", 0, "1", *range(2, 1000))]
    keys += [
        KEY.derive("order").derive("views"),
        KEY.derive("views").derive("order"),
        KEY.derive("order/views"),
    ]
    assert len({key.value for key in keys}) == len(keys)
    assert all(0 <= key.value < 2**64 for key in keys)


def test_neighboring_seeds_flip_half_of_the_bits():
    words = np.stack([Key.from_seed(seed).words(0, 0, 64) for seed in range(200)])
    flipped = np.unpackbits((words[1:] ^ words[:-1]).view(np.uint8)).mean()
    assert abs(flipped - 0.5) < 4 * 0.5 / np.sqrt(199 * 64 * 32)


def test_streams_of_two_purposes_are_uncorrelated():
    size = 100_000
    one = KEY.derive("order").uniform(0, np.arange(size), 1)[:, 0]
    two = KEY.derive("views").uniform(0, np.arange(size), 1)[:, 0]
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(size)


# --- statistics: fixed seeds, limits at four standard deviations


@pytest.mark.parametrize("shape", ["samples", "epochs", "blocks"])
def test_every_bit_is_set_half_of_the_time_along_each_counter(shape):
    size = 40_000
    words = {
        "samples": lambda: KEY.words(0, np.arange(size), 1)[:, 0],
        "epochs": lambda: KEY.words(np.arange(size), 0, 1)[:, 0],
        "blocks": lambda: KEY.words(0, 0, size),
    }[shape]()
    ones = np.unpackbits(words.view(np.uint8)).reshape(size, 32).sum(axis=0)
    zeros_and_ones = np.stack((ones, size - ones))
    assert abs(((zeros_and_ones - size / 2) ** 2 / (size / 2)).sum() - 32) < 4 * np.sqrt(2 * 32)


def test_bytes_are_uniform():
    counts = np.bincount(KEY.words(0, np.arange(50_000), 4).reshape(-1).view(np.uint8), minlength=256)
    assert abs(chi_square(counts, counts.sum() / 256)) < 4


def test_neighboring_draws_fill_the_square():
    draws = KEY.uniform(0, np.arange(100_000), 2)
    cells = (draws[:, 0] * 20).astype(int) * 20 + (draws[:, 1] * 20).astype(int)
    assert abs(chi_square(np.bincount(cells, minlength=400), 100_000 / 400)) < 4


def test_uniform_draws_lie_in_the_half_open_unit_interval():
    draws = KEY.uniform(0, np.arange(100_000), 4)
    assert draws.dtype == np.float64
    assert draws.min() >= 0.0 and draws.max() < 1.0
    assert abs(draws.mean() - 0.5) < 4 / np.sqrt(12 * draws.size)


def test_the_largest_word_stays_below_one(monkeypatch):
    monkeypatch.setattr(Key, "words", lambda *_: np.array([2**32 - 1], np.uint32))
    assert 1 - 2**-31 < KEY.uniform(0, 0, 1)[0] < 1.0


def test_normal_draws_have_the_moments_of_a_standard_normal():
    draws = KEY.normal(0, np.arange(100_000), 4)
    count = draws.size
    assert np.isfinite(draws).all()
    # Variances of the sample moments of a standard normal: 1, 2, 15 and 96 over the count.
    assert abs(draws.mean()) < 4 * np.sqrt(1 / count)
    assert abs((draws**2).mean() - 1) < 4 * np.sqrt(2 / count)
    assert abs((draws**3).mean()) < 4 * np.sqrt(15 / count)
    assert abs((draws**4).mean() - 3) < 4 * np.sqrt(96 / count)
    pairs = np.corrcoef(draws.T) - np.eye(4)
    assert np.abs(pairs).max() < 4.5 / np.sqrt(100_000)


def test_the_two_normals_of_a_pair_point_in_every_direction():
    draws = KEY.normal(0, np.arange(50_000), 2)
    octant = ((np.arctan2(draws[:, 1], draws[:, 0]) / np.pi + 1) * 32).astype(int) % 64
    assert abs(chi_square(np.bincount(octant, minlength=64), 50_000 / 64)) < 4


def test_normal_is_finite_for_the_extreme_words(monkeypatch):
    extremes = np.array([[0, 0, 2**32 - 1, 2**32 - 1]], np.uint32)
    monkeypatch.setattr(Key, "words", lambda *_: extremes)
    draws = KEY.normal(0, 0, 4)
    assert np.isfinite(draws).all() and np.abs(draws).max() < 6.67


# --- permutations


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3000))
def test_a_permutation_holds_every_index_once(epoch, size):
    order = KEY.permutation(epoch, size)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(size))


def test_epochs_have_different_orders():
    orders = {KEY.permutation(epoch, 50).tobytes() for epoch in range(200)}
    assert len(orders) == 200


def test_all_orders_of_four_are_equally_likely():
    rounds = 7200
    counts: dict[bytes, int] = {}
    for epoch in range(rounds):
        order = KEY.permutation(epoch, 4).tobytes()
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    assert abs(chi_square(np.array(list(counts.values())), rounds / 24)) < 4


def test_every_index_visits_every_place_equally_often():
    size, rounds = 32, 2000
    places = np.zeros((size, size))
    for epoch in range(rounds):
        places[np.arange(size), KEY.permutation(epoch, size)] += 1
    # Rows and columns have fixed sums, so (size - 1)**2 of the cells are free.
    statistic = ((places - rounds / size) ** 2 / (rounds / size)).sum() * (size - 1) / size
    freedom = (size - 1) ** 2
    assert abs(statistic - freedom) < 4 * np.sqrt(2 * freedom)


def test_equal_words_keep_their_order(monkeypatch):
    thirds = np.arange(3000, dtype=np.uint32) % 3
    monkeypatch.setattr(Key, "words", lambda *_: np.stack((thirds, thirds), axis=-1))
    expected = np.concatenate([np.arange(third, 3000, 3) for third in range(3)])
    np.testing.assert_array_equal(KEY.permutation(0, 3000), expected)
