"""Work ahead of its use: in order, no more than asked, and dropped where nobody wants it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.core.ahead import ahead


@given(threads=st.integers(1, 4), count=st.integers(1, 9), length=st.integers(0, 12))
def test_results_come_in_order(threads, count, length):
    with ThreadPoolExecutor(threads) as pool:
        assert list(ahead(pool, divmod, ((n, 3) for n in range(length)), count)) == [
            divmod(n, 3) for n in range(length)
        ]


def test_no_more_is_made_ahead_than_asked():
    made = []
    with ThreadPoolExecutor(1) as pool:
        results = ahead(pool, made.append, ((n,) for n in range(100)), 3)
        for taken in range(1, 6):
            next(results)
            assert len(made) <= taken + 3
        results.close()
    assert len(made) <= 8


def test_an_error_comes_where_its_result_would():
    with ThreadPoolExecutor(2) as pool:
        results = ahead(pool, lambda n: 1 / n, ((n,) for n in (2, 1, 0, 4)), 9)
        assert [next(results), next(results)] == [0.5, 1]
        with pytest.raises(ZeroDivisionError):
            next(results)
