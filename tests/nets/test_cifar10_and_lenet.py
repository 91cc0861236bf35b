"""Order and constants of the CIFAR-10 networks of the 2012 source and of LeNet."""

import math
from collections import Counter

import pytest

from alexnet.nets.catalog import NETWORKS
from alexnet.nets.rows import Activation, LocalConv, Lrn, PartialConv, Pool, Rbf, Subsample
from alexnet.nets.tables import weighted

ORDERS = {
    "cifar10_80sec": [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "conv3", "relu3", "pool3", "fc64", "relu64", "fc10",
    ],
    "cifar10_19pct": [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "conv3", "relu3", "pool3", "fc10",
    ],
    "cifar10_18pct": [
        "conv1", "pool1", "relu1", "norm1", "conv2", "relu2", "pool2", "norm2", "conv3", "relu3", "pool3", "fc10",
    ],
    "cifar10_13pct": [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "local3", "relu3", "local4", "relu4", "fc10",
    ],
    "cifar10_11pct": [
        "conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "norm2", "pool2", "local3", "relu3", "local4", "relu4",
        "fc10",
    ],
    "lenet1": ["h1", "h1_tanh", "h2", "h2_tanh", "h3", "h3_tanh", "h4", "h4_tanh", "output"],
    "lenet5": [
        "c1", "c1_tanh", "s2", "s2_tanh", "c3", "c3_tanh", "s4", "s4_tanh", "c5", "c5_tanh", "f6", "f6_tanh",
        "output",
    ],
    "lenet5_modern": [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "fc3", "relu3", "fc4", "relu4", "fc5",
    ],
}  # fmt: skip
SIDES = {"cifar10_13pct": 24, "cifar10_11pct": 24}
"""Side of the pictures; 32 for the other CIFAR-10 networks."""
STARTS = {
    "cifar10_80sec": [0.0001, 0.01, 0.01, 0.1, 0.1],
    "cifar10_19pct": [0.0001, 0.01, 0.01, 0.01],
    "cifar10_18pct": [0.0001, 0.01, 0.01, 0.01],
    "cifar10_13pct": [0.0001, 0.01, 0.04, 0.04, 0.01],
    "cifar10_11pct": [0.0001, 0.01, 0.04, 0.04, 0.01],
}
"""Standard deviations of the initial weights."""


def table(name):
    return {row.name: row for row in NETWORKS[name].table}


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_layers_are_in_the_order_of_the_source(name):
    assert list(table(name)) == ORDERS[name]
    assert NETWORKS[name].num_classes == 10 and NETWORKS[name].source


# --- CIFAR-10


@pytest.mark.parametrize("name", sorted(STARTS))
def test_cifar_networks_read_pictures_of_their_size(name):
    side = SIDES.get(name, 32)
    assert NETWORKS[name].input_shape == (3, side, side)


@pytest.mark.parametrize("name", sorted(STARTS))
def test_cifar_networks_start_with_the_deviations_of_the_source(name):
    rows = weighted(NETWORKS[name].table)
    assert [row.std for row in rows] == STARTS[name]
    assert not any(row.bias or row.uniform for row in rows)


@pytest.mark.parametrize("name", sorted(STARTS))
def test_cifar_convolutions_keep_the_size_of_their_maps(name):
    kernels = {row.name: (row.kernel, row.pad) for row in table(name).values() if hasattr(row, "kernel")}
    assert kernels.pop("conv1") == kernels.pop("conv2") == (5, 2)
    local = {"local3": (3, 1), "local4": (3, 1)}
    assert kernels == (local if name in SIDES else {"conv3": (5, 2)})


@pytest.mark.parametrize("name", sorted(STARTS))
def test_cifar_pools_are_three_by_three_and_take_the_ceiling(name):
    kinds = ["max", "max"] if name in SIDES else ["max", "average", "average"]
    pools = [row for row in table(name).values() if isinstance(row, Pool)]
    assert pools == [Pool(f"pool{n}", 3, 2, kind, ceil=True) for n, kind in zip((1, 2, 3), kinds, strict=False)]


def test_cifar_widths():
    for name in ("cifar10_80sec", "cifar10_19pct", "cifar10_18pct"):
        assert [table(name)[f"conv{n}"].channels for n in (1, 2, 3)] == [32, 32, 64]
    assert table("cifar10_80sec")["fc64"].units == 64
    for name, width in (("cifar10_13pct", 32), ("cifar10_11pct", 64)):
        rows = table(name)
        assert [rows[layer].channels for layer in ("conv1", "conv2", "local3", "local4")] == [64, 64, width, 32]
        assert all(isinstance(rows[layer], LocalConv) for layer in ("local3", "local4"))


def test_the_18_percent_net_normalizes_within_maps():
    """Windows of 3 x 3 with 5e-5, divided by the area, and constant 1."""
    for name in ("norm1", "norm2"):
        row = table("cifar10_18pct")[name]
        assert (row.size, row.beta, row.k) == (3, 0.75, 1.0)
        assert math.isclose(9 * row.alpha, 5e-5)


def test_the_11_percent_net_normalizes_across_nine_maps():
    """0.001, divided by the window's nine maps, and constant 1."""
    for name in ("norm1", "norm2"):
        row = table("cifar10_11pct")[name]
        assert isinstance(row, Lrn)
        assert (row.size, row.beta, row.k, row.groups) == (9, 0.75, 1.0, 1)
        assert math.isclose(9 * row.alpha, 0.001)


# --- LeNet


def test_lenet_1_connects_twenty_pairs_of_maps():
    links = table("lenet1")["h3"].links
    numbered = [{source + 1 for source in sources} for sources in links]
    assert numbered == [
        {1}, {1, 2}, {1, 2}, {2}, {1, 2}, {1, 2}, {3}, {3, 4}, {3, 4}, {4}, {3, 4}, {3, 4},
    ]  # fmt: skip
    assert sum(map(len, links)) == 20


def test_lenet_5_connects_sixty_pairs_of_maps():
    links = table("lenet5")["c3"].links
    assert [set(sources) for sources in links] == [
        {0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}, {0, 4, 5}, {0, 1, 5}, {0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5},
        {0, 3, 4, 5}, {0, 1, 4, 5}, {0, 1, 2, 5}, {0, 1, 3, 4}, {1, 2, 4, 5}, {0, 2, 3, 5}, {0, 1, 2, 3, 4, 5},
    ]  # fmt: skip
    assert Counter(source for sources in links for source in sources) == dict.fromkeys(range(6), 10)


@pytest.mark.parametrize(("name", "kind"), [("lenet1", "average"), ("lenet5", "sum")])
def test_lenets_subsample_two_by_two_and_squash(name, kind):
    rows = list(table(name).values())
    subsamples = [row for row in rows if isinstance(row, Subsample)]
    assert [(row.size, row.kind) for row in subsamples] == [(2, kind)] * 2
    squashes = [row for row in rows if isinstance(row, Activation)]
    assert {row.kind for row in squashes} == {"scaled_tanh"}
    assert [row.name for row in squashes] == [f"{row.name}_tanh" for row in rows[:-1:2]]


@pytest.mark.parametrize("name", ["lenet1", "lenet5"])
def test_lenets_weights_start_uniform_by_their_number_of_inputs(name):
    rows = weighted(NETWORKS[name].table)
    assert {row.uniform for row in rows} == {2.4}
    assert not any(row.bias for row in rows)


def test_lenets_have_their_inputs_and_outputs():
    assert NETWORKS["lenet1"].input_shape == NETWORKS["lenet5_modern"].input_shape == (1, 28, 28)
    assert NETWORKS["lenet5"].input_shape == (1, 32, 32)
    assert isinstance(table("lenet5")["output"], Rbf)
    assert table("lenet5")["f6"].units == 84 and table("lenet5")["c5"].channels == 120


def test_the_modern_form_has_dense_convolutions_maxima_and_a_softmax():
    rows = table("lenet5_modern")
    assert not any(isinstance(row, PartialConv | Subsample | Rbf) for row in rows.values())
    assert [rows[f"pool{n}"] for n in (1, 2)] == [Pool(f"pool{n}", 2, 2) for n in (1, 2)]
    assert rows["conv1"].pad == 2 and rows["fc5"].units is None
