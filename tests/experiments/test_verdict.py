"""Verdicts on numbers with a known effect, none, and the opposite one."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.experiments.verdict import judge

NUMBERS = st.lists(st.tuples(st.floats(0.1, 1), st.floats(0.1, 1)), min_size=1, max_size=40)


def planted(effect, seeds, spread=0.01, key=0):
    noise = random.Random(key)
    right = [0.3 + noise.gauss(0, 0.05) for _ in range(seeds)]
    return [r + effect + noise.gauss(0, spread) for r in right], right


@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_a_known_effect_is_confirmed_and_its_opposite_is_not(seeds):
    left, right = planted(-0.1, seeds)
    assert judge(left, right, "lower").word == "confirmed"
    assert judge(left, right, "higher").word == "not confirmed"
    assert judge(right, left, "higher").word == "confirmed"
    assert judge(left, right, "lower", by="ratio").word == "confirmed"
    assert judge(left, right, "equal", margin=0.01).word == "not confirmed"
    assert judge(left, right, "equal", margin=0.2).word == "confirmed"


def test_no_effect_is_rarely_taken_for_one():
    """A 95 % interval misses zero once in twenty times: of 2,000, 100 with a standard deviation of 9.7."""
    words = [judge(*planted(0.0, 3, key=k), "lower").word for k in range(2000)]
    told = sum(word != "cannot tell" for word in words)
    assert 50 < told < 150


def test_none_cannot_be_told():
    assert judge([0.3, 0.31, 0.29], [0.31, 0.3, 0.29], "lower").word == "cannot tell"
    assert judge([0.3, 0.3, 0.3], [0.3, 0.3, 0.3], "lower").word == "cannot tell"
    assert judge([0.3, 0.3, 0.3], [0.3, 0.3, 0.3], "equal", margin=0.01).word == "confirmed"


@given(NUMBERS, st.sampled_from(["lower", "higher", "equal"]), st.sampled_from(["difference", "ratio"]))
def test_with_fewer_than_three_seeds_one_cannot_tell(pairs, expects, by):
    left, right = zip(*pairs[:2], strict=True)
    verdict = judge(left, right, expects, by=by, margin=10)
    assert verdict.word == "cannot tell"
    assert verdict.why


@given(NUMBERS.filter(lambda pairs: len(pairs) > 1))
def test_turning_a_comparison_around_turns_its_interval(pairs):
    left, right = zip(*pairs, strict=True)
    one, other = judge(left, right, "lower"), judge(right, left, "higher")
    assert one.word == other.word
    assert one.low == pytest.approx(-other.high) and one.high == pytest.approx(-other.low)
    ratio = judge(left, right, "lower", by="ratio")
    assert ratio.low <= ratio.effect <= ratio.high
    assert ratio.effect == pytest.approx(math.exp(sum(math.log(a / b) for a, b in pairs) / len(pairs)))


def test_the_interval_is_students():
    """Mean 2, standard deviation 1, three numbers: 4.303 / sqrt(3) either way (any table of t)."""
    verdict = judge([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], "higher")
    assert (verdict.effect, verdict.pairs) == (2.0, 3)
    assert verdict.low == pytest.approx(2 - 4.303 / math.sqrt(3), abs=1e-3)
    assert verdict.word == "cannot tell"


def test_its_quantiles_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats", reason="the ilsvrc extra is not installed")
    for count in (2, 3, 10, 31, 32, 60, 200):
        numbers = [float(k % 2) for k in range(count)]
        found = judge(numbers, [0.0] * count, "higher")
        sd = math.sqrt(sum((x - found.effect) ** 2 for x in numbers) / (count - 1))
        reach = stats.t.ppf(0.975, count - 1) * sd / math.sqrt(count)
        assert found.high - found.effect == pytest.approx(reach, rel=2e-3)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="do not pair"):
        judge([1.0], [1.0, 2.0], "lower")
    with pytest.raises(ValueError, match="positive"):
        judge([0.0], [1.0], "lower", by="ratio")
    assert judge([], [], "lower").word == "cannot tell"


def test_a_lower_bound_on_the_left_confirms_more_and_refutes_nothing_but_less():
    left, right = [32.0, 32.0, 32.0], [5.5, 6.0, 5.8]
    asked = {"by": "ratio", "at_least": (True, False)}
    more = judge(left, right, "higher", **asked)
    assert (more.word, more.bound, more.high) == ("confirmed", "at least", None)
    assert 4.5 < more.low < more.effect < 6
    assert judge(left, right, "lower", **asked).word == "not confirmed"
    assert judge([6.0, 6.0, 6.0], right, "lower", **asked).word == "cannot tell"
    assert judge([1.0, 1.0, 1.0], right, "lower", **asked).word == "cannot tell", "it may be any number above"


def test_a_lower_bound_on_the_right_is_an_upper_bound_of_the_effect():
    verdict = judge([5.5, 6.0, 5.8], [32.0, 32.0, 32.0], "lower", at_least=(False, True))
    assert (verdict.word, verdict.bound, verdict.low) == ("confirmed", "at most", None)
    assert judge([40.0, 41.0, 42.0], [32.0] * 3, "higher", at_least=(False, True)).word == "cannot tell"


def test_two_lower_bounds_say_nothing():
    verdict = judge([32.0] * 3, [5.0] * 3, "higher", by="ratio", at_least=(True, True))
    assert (verdict.word, verdict.effect) == ("cannot tell", None)
    assert "lower bound" in verdict.why
