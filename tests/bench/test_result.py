"""Statistics, the ratio to the best of the others, and the shape of the JSON."""

import json

from hypothesis import given
from hypothesis import strategies as st

from alexnet.bench.result import Result, Standing


def standing(name: str, *rates: float, images: int = 128, **fields) -> Standing:
    return Standing(name, "kept", f"{name}, its way", list(rates), images, **fields)


RESULT = Result(
    "train/x",
    "cpu",
    standing("ours", 90.0, 120.0, 100.0),
    [
        standing("slow", 5.0, 6.0, 7.0),
        standing("fast", 60.0, 50.0, 40.0),
        standing("broken", 900.0, failed="its loss is nan"),
        standing("away", absent="No module named 'away'"),
    ],
)


def test_the_ratio_is_to_the_best_that_counts():
    assert RESULT.best_peer.name == "fast"
    value = RESULT.to_json()
    assert (value["best_peer"], value["ratio"]) == ("fast", 2.0)
    assert (value["ratio_min"], value["ratio_max"]) == (1.5, 2.5)


def test_json_has_a_number_or_a_reason_for_everyone():
    value = json.loads(json.dumps(RESULT.to_json(), allow_nan=False))
    assert set(value) == {
        "name", "device", "ours", "peers", "best_peer", "ratio", "ratio_min", "ratio_max"
    }  # fmt: skip
    ours, (_, _, broken, away) = value["ours"], value["peers"]
    assert (ours["images_per_second"], ours["min"], ours["max"]) == (100.0, 90.0, 120.0)
    assert ours["configuration"] == "ours, its way" and ours["rounds"] == [90.0, 120.0, 100.0]
    assert broken == {
        "name": "broken",
        "images_per_second": None,
        "failed": "its loss is nan",
        "configuration": "broken, its way",
    }
    assert away["absent"] == "No module named 'away'" and away["images_per_second"] is None


def test_a_single_image_also_has_milliseconds():
    single = Result("infer/x", "cpu", standing("ours", 250.0, images=1), [standing("other", 125.0, images=1)])
    assert single.to_json()["ours"]["milliseconds"] == 4.0
    headers, rows = single.table()
    assert [row[headers.index("ms")] for row in rows] == ["4.00", "8.00"]
    assert "milliseconds" not in RESULT.to_json()["ours"] and "ms" not in RESULT.table()[0]


def test_the_table_names_everyone_with_the_fastest_first():
    headers, rows = RESULT.table()
    assert all(len(row) == len(headers) for row in rows)
    assert [row[0] for row in rows] == ["ours", "fast", "slow", "broken", "away"]
    assert [row[3] for row in rows] == ["", "2.00 x", "16.67 x", "-", "-"]
    assert rows[3][-1] == "failed: its loss is nan" and rows[4][-1].startswith("absent: ")


def test_without_others_there_is_no_ratio():
    value = Result("train/x", "cpu", RESULT.ours, []).to_json()
    assert value["peers"] == [] and value["best_peer"] is value["ratio"] is None


@given(st.lists(st.tuples(*[st.floats(0.1, 1e6)] * 3), min_size=1, max_size=9))
def test_ratio_and_rounds_agree(rates):
    mine, first, second = (list(column) for column in zip(*rates, strict=True))
    result = Result("x", "cpu", standing("ours", *mine), [standing("a", *first), standing("b", *second)])
    ratio, low, high = result.ratios(result.best_peer)
    assert low <= high and result.best_peer.images_per_second >= max(
        min(peer.images_per_second for peer in result.peers), 0
    )
    assert ratio == result.ours.images_per_second / result.best_peer.images_per_second
    assert all(ratio <= result.ratios(peer)[0] for peer in result.peers)
