"""A recipe's changes to a network: what they make of the table, and the line that answers a mistake."""

from typing import get_args

import pytest
import torch

from alexnet.core.errors import RecipeError
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.create import create_model
from alexnet.nets.edits import ROWS, Change, Insert, Remove, apply_edits, build_row
from alexnet.nets.rows import (
    Activation,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    LocalConv,
    Lrn,
    PartialConv,
    Pool,
    Rbf,
    Row,
    SpatialNorm,
    Subsample,
)

ALEXNET = NETWORKS["alexnet"].table
LENET = NETWORKS["lenet5_modern"].table


def row(table, name):
    return next(r for r in table if r.name == name)


def test_no_edits_change_nothing():
    assert apply_edits(ALEXNET, ()) == ALEXNET


def test_a_row_is_removed():
    table = apply_edits(ALEXNET, [Remove(row="norm1"), Remove(row="norm2")])
    assert table == tuple(r for r in ALEXNET if not isinstance(r, Lrn))


def test_a_row_is_changed():
    table = apply_edits(ALEXNET, [Change(row="conv3", fields={"channels": 8, "std": 1})])
    assert row(table, "conv3") == Conv("conv3", 8, kernel=3, pad=1, std=1.0)
    assert len(table) == len(ALEXNET)


@pytest.mark.parametrize("name", ["conv1", "fc5"])
def test_a_row_with_unstated_values_is_changed(name):
    """LeNet's standard deviations and the last layer's units are None, which TOML cannot say."""
    changed = row(apply_edits(LENET, [Change(row=name, fields={"bias": 0.5})]), name)
    assert changed.bias == 0.5 and changed.std is None


def test_a_row_is_inserted():
    table = apply_edits(LENET, [Insert(after="relu3", row={"kind": "dropout", "name": "drop3", "rate": 0.25})])
    names = [r.name for r in table]
    assert names[names.index("relu3") + 1] == "drop3"
    assert row(table, "drop3") == Dropout("drop3", rate=0.25)


def test_edits_are_made_in_order():
    edits = [
        Insert(after="conv1", row={"kind": "lrn", "name": "a"}),
        Change(row="a", fields={"size": 3}),
        Insert(after="a", row={"kind": "lrn", "name": "b"}),
        Remove(row="a"),
    ]
    assert [r.name for r in apply_edits(LENET, edits)][:3] == ["conv1", "b", "relu1"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"kind": "conv", "name": "x", "channels": 4, "kernel": 3}, Conv("x", 4, 3)),
        ({"kind": "linear", "name": "x", "units": 9}, Linear("x", 9)),
        ({"kind": "activation", "name": "x", "function": "tanh"}, Activation("x", "tanh")),
        ({"kind": "lrn", "name": "x", "groups": 2}, Lrn("x", groups=2)),
        ({"kind": "spatial_norm", "name": "x", "size": 3, "alpha": 1}, SpatialNorm("x", 3, 1.0)),
        ({"kind": "pool", "name": "x", "size": 3, "stride": 2, "how": "average"}, Pool("x", 3, 2, "average")),
        ({"kind": "dropout", "name": "x", "inverted": True}, Dropout("x", inverted=True)),
        ({"kind": "partial_conv", "name": "x", "links": [[0], [1, 2]], "kernel": 3, "uniform": 2.4},
         PartialConv("x", ((0,), (1, 2)), 3, uniform=2.4)),
        ({"kind": "local_conv", "name": "x", "channels": 4, "kernel": 3, "pad": 1}, LocalConv("x", 4, 3, pad=1)),
        ({"kind": "batch_norm", "name": "x", "momentum": 0.2}, BatchNorm("x", momentum=0.2)),
        ({"kind": "subsample", "name": "x", "size": 3}, Subsample("x", size=3)),
        ({"kind": "rbf", "name": "x"}, Rbf("x")),
    ],
)  # fmt: skip
def test_every_kind_of_row_can_be_built(values, expected):
    assert build_row(values, "row.") == expected


def test_the_kinds_are_all_there_are():
    assert {type(r) for spec in NETWORKS.values() for r in spec.table} == set(ROWS.values())
    assert set(ROWS.values()) == set(get_args(Row))


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (Remove(row="norm3"), "model.edits[0]: there is no row 'norm3'; did you mean 'norm"),
        (Change(row="conv9"), "model.edits[0]: there is no row 'conv9'; did you mean 'conv"),
        (Insert(after="relu9", row={}), "model.edits[0]: there is no row 'relu9'; did you mean 'relu"),
        (Change(row="conv1", fields={"chanels": 3}),
         "model.edits[0].fields.chanels: unknown key; did you mean 'model.edits[0].fields.channels'?"),
        (Change(row="conv1", fields={"kind": "pool"}), "model.edits[0].fields.kind: unknown key"),
        (Change(row="conv1", fields={"channels": "many"}), "model.edits[0].fields.channels: expected a whole number"),
        (Insert(after="conv1", row={"kind": "lnr", "name": "x"}),
         "model.edits[0].row.kind: 'lnr' is not a kind of row; did you mean 'lrn'?"),
        (Insert(after="conv1", row={"name": "x"}), "model.edits[0].row.kind: 'None' is not a kind of row"),
        (Insert(after="conv1", row={"kind": "conv", "name": "x"}), "model.edits[0].row.channels: is missing"),
    ],
)  # fmt: skip
def test_mistakes_are_answered_with_their_place(edit, line):
    with pytest.raises(RecipeError) as caught:
        apply_edits(ALEXNET, [edit])
    assert str(caught.value).startswith(line)


def test_a_network_is_built_with_its_edits():
    net = create_model(
        "lenet5_modern", seed=0, edits=[Change(row="conv2", fields={"channels": 4}), Remove(row="pool2")]
    )
    assert net.conv2.out_channels == 4 and not hasattr(net, "pool2")
    assert net(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    same = create_model("lenet5_modern", seed=0)
    assert torch.equal(net.conv1.weight, same.conv1.weight)
