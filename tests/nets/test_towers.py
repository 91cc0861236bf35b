"""The two towers of the paper, the pixels they read, and how config 145 differs from the text."""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from small_networks import small

from alexnet.core.keys import Key
from alexnet.nets.alexnet import ALEXNET, ALEXNET_145
from alexnet.nets.network import Network, initialize
from alexnet.nets.rows import change, weighted


def two_towers(net: Network, x: torch.Tensor) -> torch.Tensor:
    """The paper's Figure 2 as two machines: each holds its half, and talks at conv3 and the full layers only."""

    def lrn(t, row):
        return torch.nn.LocalResponseNorm(row.size, row.alpha * row.size, row.beta, row.k)(t)

    def halves(layer):
        return list(zip(layer.weight.chunk(2), layer.bias.chunk(2), strict=True))

    rows = {row.name: row for row in net.table}
    image = F.pad(x, (0, 3, 0, 3))
    towers = [F.relu(F.conv2d(image, w, b, stride=4)) for w, b in halves(net.conv1)]
    towers = [F.max_pool2d(lrn(t, rows["norm1"]), 3, 2) for t in towers]
    towers = [F.relu(F.conv2d(t, w, b, padding=2)) for t, (w, b) in zip(towers, halves(net.conv2), strict=True)]
    towers = [F.max_pool2d(lrn(t, rows["norm2"]), 3, 2) for t in towers]
    both = torch.cat(towers, 1)
    towers = [F.relu(F.conv2d(both, w, b, padding=1)) for w, b in halves(net.conv3)]
    towers = [F.relu(F.conv2d(t, w, b, padding=1)) for t, (w, b) in zip(towers, halves(net.conv4), strict=True)]
    towers = [F.relu(F.conv2d(t, w, b, padding=1)) for t, (w, b) in zip(towers, halves(net.conv5), strict=True)]
    x = torch.cat([F.max_pool2d(t, 3, 2) for t in towers], 1).flatten(1)
    for name in ("fc6", "fc7"):
        layer = net.get_submodule(name)
        x = 0.5 * F.relu(torch.cat([F.linear(x, w, b) for w, b in halves(layer)], 1))
    return F.linear(x, net.fc8.weight, net.fc8.bias)


def test_the_grouped_network_is_two_towers():
    spec = replace(small(ALEXNET, 8), input_shape=(3, 96, 96))
    for row in ("norm1", "norm2"):
        spec = replace(spec, table=change(spec.table, row, alpha=1.0))
    for row in weighted(spec.table):
        spec = replace(spec, table=change(spec.table, row.name, std=0.1))
    net = Network(spec, 10).double().eval()
    initialize(net, net.table, Key.from_seed(2))
    x = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    results = []
    for function in (net, lambda t: two_towers(net, t)):
        net.zero_grad()
        logits = function(x)
        F.cross_entropy(logits, torch.tensor([3, 7])).backward()
        results.append((logits.detach(), {n: p.grad.clone() for n, p in net.named_parameters()}))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-10, atol=1e-12)
    for name, gradient in results[0][1].items():
        torch.testing.assert_close(gradient, results[1][1][name], rtol=1e-9, atol=1e-14)
        assert gradient.abs().max() > 0


def test_224_pixels_with_three_zeros_after_are_227_pixels():
    """Ceiling division gives 55: window 54 begins at pixel 216 and reads up to 226, past the picture."""
    table = ALEXNET.table[:1]
    padded = Network(replace(ALEXNET, table=table), 0).double()
    plain_table = change(table, "conv1", pad_after=0)
    plain = Network(replace(ALEXNET, table=plain_table, input_shape=(3, 227, 227)), 0).double()
    initialize(padded, table, Key.from_seed(0))
    plain.load_state_dict(padded.state_dict())
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    larger = torch.zeros(1, 3, 227, 227, dtype=torch.float64)
    larger[:, :, :224, :224] = x
    with torch.inference_mode():
        assert padded(x).shape == (1, 96, 55, 55)
        assert torch.equal(padded(x), plain(larger))
        assert plain(x).shape == (1, 96, 54, 54)


# --- config 145


def test_config_145_has_the_order_of_the_2012_source():
    names = [row.name for row in ALEXNET_145.table]
    assert names[:9] == [
        "conv1", "norm1", "pool1", "relu1", "conv2", "relu2", "norm2", "spatial_norm2", "pool2",
    ]  # fmt: skip
    assert names[9:] == [row.name for row in ALEXNET.table[8:]]


def test_config_145_normalizes_with_the_constants_of_the_2012_source():
    rows = {row.name: row for row in ALEXNET_145.table}
    for name in ("norm1", "norm2"):
        row = rows[name]
        assert (row.size, row.beta, row.k, row.groups) == (5, 0.75, 2.0, 2)
        assert math.isclose(row.alpha, 2e-5)
    spatial = rows["spatial_norm2"]
    assert (spatial.size, spatial.beta, spatial.k) == (5, 0.75, 1.0)
    assert math.isclose(spatial.alpha, 4e-5)


def test_conv1_of_config_145_is_linear_before_its_normalizer():
    spec = small(ALEXNET_145, 16)
    net = Network(spec, 5).eval()
    initialize(net, net.table, Key.from_seed(3))
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        pooled = net.pool1(net.norm1(net.conv1(x)))
        assert (net.norm1(net.conv1(x)) < 0).any()
        assert torch.equal(net.relu1(pooled), pooled.clamp_min(0))


def test_the_papers_table_normalizes_what_the_relu_left():
    names = [row.name for row in ALEXNET.table]
    assert names[:8] == ["conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "norm2", "pool2"]
    rows = {row.name: row for row in ALEXNET.table}
    assert all(
        (rows[n].size, rows[n].alpha, rows[n].k, rows[n].groups) == (5, 1e-4, 2.0, 2)
        for n in ("norm1", "norm2")
    )
    assert [rows[n].rate for n in ("drop6", "drop7")] == [0.5, 0.5]
    assert not rows["drop6"].inverted and not rows["drop7"].inverted
