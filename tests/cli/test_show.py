"""`alexnet show` of networks: the table of one, the differences of several."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import pytest

from alexnet.nets.catalog import NETWORKS, list_models
from alexnet.nets.compare import compare
from alexnet.nets.describe import layer_table, number, what
from alexnet.nets.edits import ROWS
from alexnet.nets.rows import Conv, Dropout, Linear, Lrn, PartialConv, Pool, SpatialNorm
from alexnet.nets.tables import change, move_after
from alexnet.runs.baseline_recipe import baseline_names
from alexnet.runs.data import known_names
from alexnet.runs.recipe import recipe_names


def cells(out: str) -> dict[str, list[str]]:
    """The cells of each line of a printed table by its first one."""
    lines = [line.split("  ") for line in out.splitlines()]
    return {parts[0].strip(): [p.strip() for p in parts[1:] if p.strip()] for parts in lines}


def test_without_a_name_everything_is_listed(cli) -> None:
    listed = json.loads(cli("show", "--json").out)
    assert listed == {
        "networks": list_models(),
        "recipes": recipe_names(),
        "baselines": baseline_names(),
        "data": list(known_names()),
    }
    out = cli("show").out
    assert all(name in out for names in listed.values() for name in names)


# --- one network


def test_a_network_is_shown_row_by_row_with_totals(cli) -> None:
    ending = cli("show", "alexnet_148")
    assert ending.code == 0
    found = cells(ending.out)
    assert found["conv1"] == [
        "conv 11x11, stride 4, pad_after 3", "96x55x55", "34,944", "105,415,200", "290,400", "0.01", "0", "11",
    ]  # fmt: skip
    assert found["conv3"] == [
        "conv 3x3, pad 1", "384x13x13", "885,120", "149,520,384", "64,896", "0.03", "0", "99", "43,264",
    ]  # fmt: skip
    assert found["pool5"] == ["max pool 3x3, stride 2", "256x6x6", "195"]
    assert found["total"] == ["60,965,224", "724,406,816", "659,272", "60,672"]
    assert "layers-148.cfg" in ending.out and "input 3x224x224, 1,000 classes" in ending.out


def test_numbers_stand_under_each_other(cli) -> None:
    lines = cli("show", "alexnet").out.splitlines()
    rule = next(line for line in lines if line.startswith("-----  "))
    rows = [line for line in lines if line.split(" ")[0] in ("conv1", "conv3", "fc6", "fc8", "total")]
    assert len(rows) == 5
    ends = [i for i, (a, b) in enumerate(zip(rule, rule[1:] + " ", strict=True)) if a == "-" and b == " "]
    for end in ends[3:6]:
        assert all(row[end].isdigit() and row[end + 1 : end + 2].strip() == "" for row in rows)
    assert max(map(len, lines[lines.index(rule) :])) <= 112


def test_only_a_network_of_towers_says_what_crosses_them(cli) -> None:
    assert "crosses" in cli("show", "alexnet_145").out
    assert "crosses" not in cli("show", "alexnet_one_tower").out
    found = cells(cli("show", "alexnet").out)
    assert [found[layer][-1] for layer in ("conv3", "fc6", "fc7", "fc8")] == [
        "43,264",
        "9,216",
        "4,096",
        "4,096",
    ]


def test_a_name_that_is_recipe_and_network_shows_both(cli) -> None:
    out = cli("show", "alexnet").out
    assert out.startswith("recipe alexnet\n") and "network alexnet (" in out
    kinds = [list(json.loads(line)) for line in cli("show", "alexnet", "--json").out.splitlines()]
    assert kinds == [["recipe"], ["network"]]


def test_json_of_a_network_has_the_rows_the_initial_weights_and_the_totals(cli) -> None:
    facts = json.loads(cli("show", "alexnet_145", "--json").out)["network"]
    layers = {layer["name"]: layer for layer in facts["layers"]}
    assert layers["conv4"]["initial"] == {"std": 0.03, "bias": 1, "uniform": None}
    assert layers["relu4"]["initial"] is None
    assert (layers["pool2"]["output"], layers["pool2"]["receptive_field"]) == ([256, 13, 13], 67)
    assert (facts["parameters"], facts["macs"], facts["neurons"]) == (60_965_224, 724_406_816, 659_272)
    assert facts["crossing"] == 43_264 + 9216 + 4096 + 4096
    assert facts["num_classes"] == 1000


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Conv("c", 4, 5, stride=2, pad=1, groups=2), "conv 5x5, stride 2, pad 1, groups 2"),
        (PartialConv("c", ((0,), (0, 1)), 5), "partial conv 5x5, 3 links"),
        (Linear("l", 5), "linear"),
        (Linear("l", 6, groups=2), "linear, groups 2"),
        (Lrn("n", k=1.0), "lrn 5, alpha 1e-4, k 1"),
        (Lrn("n", beta=0.5, groups=2), "lrn 5, alpha 1e-4, beta 0.5, k 2, groups 2"),
        (SpatialNorm("n", 3, 5e-5 / 9), "spatial norm 3x3, alpha 5.56e-6, k 1"),
        (Pool("p", 3, 2, "average", ceil=True), "average pool 3x3, stride 2, ceil"),
        (Dropout("d", inverted=True), "dropout 0.5, inverted"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_row_in_words_says_what_is_unusual(row, words: str) -> None:
    assert what(row) == words


def test_every_kind_of_row_has_words() -> None:
    shown = {type(row) for spec in NETWORKS.values() for row in spec.table if what(row)}
    assert shown == set(ROWS.values())


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (1.0, "1"), (60_965_224, "60,965,224"), (0.005, "0.005"), (0.0001, "1e-4"), (2e-5, "2e-5")],
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_row_of_a_table_has_all_columns(name: str) -> None:
    headers, rows = layer_table(NETWORKS[name])
    assert [row[0] for row in rows] == [*(row.name for row in NETWORKS[name].table), "total"]
    assert {len(row) for row in rows} == {len(headers)}


# --- several networks


def test_networks_named_together_show_what_differs(cli) -> None:
    ending = cli("show", "alexnet", "alexnet-145")
    assert ending.code == 0
    sources, _, table = ending.out.partition("\n\n")
    assert sources.splitlines() == [f"{n}: {NETWORKS[n].source}" for n in ("alexnet", "alexnet_145")]
    assert [" ".join(line.split()) for line in table.splitlines()[2:]] == [
        "norm1 alpha 1e-4 2e-5",
        "relu1 after conv1 pool1",
        "norm2 alpha 1e-4 2e-5",
        "spatial_norm2 row - spatial norm 5x5, alpha 4e-5, k 1, output 256x27x27, after norm2",
        "conv3 std 0.01 0.03",
        "conv4 std 0.01 0.03",
        "conv5 std 0.01 0.03",
    ]


def test_more_networks_are_each_compared_with_the_first(cli) -> None:
    out = cli("show", "alexnet_145", "alexnet_147", "alexnet_148").out
    tables = [line.split() for line in out.splitlines() if line.startswith("layer")]
    assert tables == [["layer", "field", "alexnet_145", name] for name in ("alexnet_147", "alexnet_148")]
    assert "conv5  pad" in out and "norm1          row" in out


def test_networks_that_are_equal_say_so(cli) -> None:
    assert cli("show", "alexnet", "alexnet").out.endswith("\nno difference\n")


def test_a_recipe_among_the_names_is_shown_with_them(cli) -> None:
    out = cli("show", "lenet1", "mnist-lenet5").out
    assert "network lenet1 (" in out and "recipe mnist-lenet5" in out


def test_json_of_differences_has_the_values(cli) -> None:
    out = cli("show", "alexnet_145", "alexnet_146", "alexnet_148", "--json").out
    first, second = map(json.loads, out.splitlines())
    assert [network["name"] for network in first["networks"]] == ["alexnet_145", "alexnet_146"]
    changes = {(d["row"], d["field"]): (d["first"], d["second"]) for d in first["differences"]}
    assert changes["output", "classes"] == (1000, 10_184)
    assert changes["total", "parameters"] == (60_965_224, 99_182_152)
    assert changes["conv6", "row"] == (None, "conv 3x3, pad 1, std 0.03, bias 1, output 256x6x6, after pool5")
    assert {d["row"] for d in second["differences"]} == {"norm1", "norm2", "spatial_norm2"}


def test_rows_that_change_places_move_once() -> None:
    """A removed or added neighbor moves nothing."""
    base = NETWORKS["alexnet"]
    moved = replace(base, table=move_after(move_after(base.table, "norm1", "pool1"), "norm2", "pool2"))
    assert [d.words for d in compare(base, moved)] == [
        ("norm1", "after", "relu1", "pool1"),
        ("norm2", "after", "relu2", "pool2"),
    ]
    assert {d.field for d in compare(base, NETWORKS["alexnet_bn"])} == {
        "row",
        "bias",
        "parameters",
    }


def test_a_row_of_another_kind_is_one_difference() -> None:
    base = NETWORKS["cifar10_18pct"]
    table = tuple(Lrn("norm1", 9) if row.name == "norm1" else row for row in base.table)
    (found,) = compare(base, replace(base, table=table))
    assert found.words == ("norm1", "row", "spatial norm 3x3, alpha 5.56e-6, k 1", "lrn 9, alpha 1e-4, k 2")


def test_a_changed_field_is_named_with_both_values() -> None:
    base = NETWORKS["alexnet"]
    other = replace(base, table=change(base.table, "conv1", bias=None, std=None))
    assert [d.words for d in compare(base, other)][:2] == [
        ("conv1", "std", "0.01", "1/sqrt(n)"),
        ("conv1", "bias", "0", "none"),
    ]


def test_no_difference_means_equal_tables_and_each_has_its_mirror_image() -> None:
    for first, second in product(NETWORKS.values(), repeat=2):
        there, back = compare(first, second), compare(second, first)
        same = (first.table, first.input_shape, first.num_classes) == (
            second.table,
            second.input_shape,
            second.num_classes,
        )
        assert (there == []) == same
        values = {(d.row, d.field, repr(d.first), repr(d.second)) for d in there if d.field != "after"}
        assert values == {(d.row, d.field, repr(d.second), repr(d.first)) for d in back if d.field != "after"}
