import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.core.errors import DataError, UsageError
from alexnet.data.quarantine import Quarantine, QuarantineLimits, QuarantineRow, read_quarantine

names = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
    )
)
rows = st.builds(
    QuarantineRow, split=names, item=st.integers(0), name=names, label=names, code=names, reason=names
)


def bad(count, label="a", code="truncated", first=0):
    return [
        QuarantineRow(
            split="train", item=i, name=f"{label}/{i}.jpg", label=label, code=code, reason="ends early"
        )
        for i in range(first, first + count)
    ]


@given(st.lists(rows, max_size=4))
def test_rows_of_any_names_are_read_back(tmp_path_factory, listed):
    quarantine = Quarantine({}, QuarantineLimits())
    quarantine.add(listed)
    path = tmp_path_factory.getbasetemp() / "quarantine.jsonl"
    path.write_bytes(quarantine.to_bytes())
    assert read_quarantine(path) == sorted(listed, key=lambda row: (row.split, row.item))
    assert all(line.isprintable() for line in quarantine.to_bytes().decode().split("\n"))


def test_the_listing_does_not_depend_on_the_order_of_arrival():
    forward, backward = Quarantine({"a": 9}, QuarantineLimits()), Quarantine({"a": 9}, QuarantineLimits())
    forward.add(bad(5))
    backward.add(reversed(bad(5)))
    assert forward.to_bytes() == backward.to_bytes() != b""
    assert forward.summary() == backward.summary()


def test_the_summary_counts_codes_and_classes():
    quarantine = Quarantine({"a": 50, "b": 50}, QuarantineLimits())
    quarantine.add(bad(3) + bad(2, "b", "empty") + bad(1, "b"))
    summary = quarantine.summary()
    assert (summary.total, summary.codes, summary.classes) == (
        6,
        {"empty": 2, "truncated": 4},
        {"a": 3, "b": 3},
    )


@pytest.mark.parametrize(
    ("totals", "counts", "is_over"),
    [
        ({"a": 20}, {"a": 3}, False),
        ({"a": 20}, {"a": 4}, True),  # a class: more than 3 and than 5 %
        ({"a": 1000}, {"a": 10}, False),
        ({"a": 1000}, {"a": 11}, True),  # overall: more than 10 and than 0.1 %
        ({"a": 100, "b": 100, "c": 100, "d": 100}, {"a": 3, "b": 3, "c": 3, "d": 1}, False),
        ({"a": 100, "b": 100, "c": 100, "d": 100}, {"a": 3, "b": 3, "c": 3, "d": 2}, True),
        ({"a": 1000, "b": 99_000}, {"a": 50, "b": 50}, False),
        ({"a": 1000, "b": 99_000}, {"a": 51}, True),
        ({"a": 1000, "b": 99_000}, {"a": 50, "b": 51}, True),
    ],
)
def test_limits_hold_overall_and_in_each_class(totals, counts, is_over):
    quarantine = Quarantine(totals, QuarantineLimits())
    for label, count in counts.items():
        quarantine.add(bad(count, label))
    assert (quarantine.excess() is not None) == is_over
    if is_over:
        with pytest.raises(DataError) as caught:
            quarantine.check("there")
        assert caught.value.exit_code == 3
    else:
        quarantine.check("there")


def test_the_error_names_the_five_most_frequent_reasons():
    quarantine = Quarantine({"a": 1000}, QuarantineLimits())
    for number, code in enumerate(("six", "five", "four", "three", "two", "one")):
        quarantine.add(bad(6 - number, code=code, first=10 * number))
    with pytest.raises(DataError) as caught:
        quarantine.check("list.jsonl")
    message = str(caught.value)
    assert message.startswith("list.jsonl: 21 of 1000 pictures cannot be used, more than the 10 allowed;")
    assert "6 six (a/0.jpg: ends early), 5 five (a/10.jpg: ends early)" in message
    assert "2 two" in message
    assert "1 one" not in message


def test_the_remedy_is_that_of_the_most_frequent_reason():
    quarantine = Quarantine({"a": 1000}, QuarantineLimits())
    quarantine.add([*bad(9, code="other-size"), *bad(8, code="truncated", first=9)])
    with pytest.raises(DataError) as caught:
        quarantine.check("list.jsonl")
    assert "--set data.size=32" in caught.value.remedy
    quarantine.add(bad(2, code="truncated", first=17))
    with pytest.raises(DataError) as caught:
        quarantine.check("list.jsonl")
    assert "--max-bad" in caught.value.remedy


def test_limits_are_fractions():
    Quarantine({"a": 4}, QuarantineLimits(fraction=1.0, class_fraction=1.0)).check("there")
    with pytest.raises(UsageError, match=r"fraction is 1\.5"):
        QuarantineLimits(fraction=1.5)


def test_a_foreign_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "quarantine.jsonl"
    path.write_bytes(b'{"split": "train"}\n')
    with pytest.raises(DataError, match="line 1 lacks item"):
        read_quarantine(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_quarantine(tmp_path / "absent")
