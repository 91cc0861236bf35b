"""The grouped networks are two separate towers: outputs and gradients, and the pixels that they read."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small_networks import built, pictures, small

from alexnet.nets.alexnet import ALEXNET
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.network import Network
from alexnet.nets.tables import change, weighted


def halves(layer):
    return list(zip(layer.weight.chunk(2), layer.bias.chunk(2), strict=True))


def lrn(x, row):
    return torch.nn.LocalResponseNorm(row.size, row.alpha * row.size, row.beta, row.k)(x)


def spatial_norm(x, row):
    energy = F.avg_pool2d(x * x, row.size, 1, row.size // 2, divisor_override=1)
    return x / (row.k + row.alpha * energy) ** row.beta


def convolved(towers, layer):
    """Each tower convolves its own maps with its own half of the kernels."""
    return [F.conv2d(x, w, b, padding=layer.padding) for x, (w, b) in zip(towers, halves(layer), strict=True)]


def two_towers(net: Network, x: torch.Tensor) -> torch.Tensor:
    """The paper's Figure 2 as two machines: each holds its half, and talks at conv3 and the full layers only."""
    rows = {row.name: row for row in net.table}
    image = F.pad(x, (0, 3, 0, 3))
    towers = [F.relu(F.conv2d(image, w, b, stride=4)) for w, b in halves(net.conv1)]
    towers = [F.max_pool2d(lrn(t, rows["norm1"]), 3, 2) for t in towers]
    towers = [F.relu(t) for t in convolved(towers, net.conv2)]
    towers = [F.max_pool2d(lrn(t, rows["norm2"]), 3, 2) for t in towers]
    both = torch.cat(towers, 1)
    towers = [F.relu(t) for t in convolved([both, both], net.conv3)]
    towers = [F.relu(t) for t in convolved(towers, net.conv4)]
    towers = [F.relu(t) for t in convolved(towers, net.conv5)]
    x = torch.cat([F.max_pool2d(t, 3, 2) for t in towers], 1).flatten(1)
    for layer in (net.fc6, net.fc7):
        x = 0.5 * F.relu(torch.cat([F.linear(x, w, b) for w, b in halves(layer)], 1))
    return F.linear(x, net.fc8.weight, net.fc8.bias)


def one_tower_of_150(net: Network, x: torch.Tensor, number: int) -> torch.Tensor:
    """Half of config 150, which never hears of the other half: its part of what fc8 reads."""
    rows = {row.name: row for row in net.table}
    own = {
        name: halves(net.get_submodule(name))[number]
        for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
    }
    x = F.conv2d(F.pad(x, (0, 3, 0, 3)), *own["conv1"], stride=4)
    x = F.relu(F.max_pool2d(lrn(x, rows["norm1"]), 3, 2))
    x = F.relu(F.conv2d(x, *own["conv2"], padding=2))
    x = F.max_pool2d(spatial_norm(lrn(x, rows["norm2"]), rows["spatial_norm2"]), 3, 2)
    for name in ("conv3", "conv4", "conv5"):
        x = F.relu(F.conv2d(x, *own[name], padding=1))
    x = F.max_pool2d(x, 3, 2).flatten(1)
    for name in ("fc6", "fc7"):
        x = 0.5 * F.relu(F.linear(x, *own[name]))
    return x


def without_communication(net: Network, x: torch.Tensor) -> torch.Tensor:
    features = torch.cat([one_tower_of_150(net, x, number) for number in (0, 1)], 1)
    return F.linear(features, net.fc8.weight, net.fc8.bias)


def loud(name: str) -> Network:
    """A small network whose normalizers and deeper layers matter to its logits, in double precision."""
    spec = replace(small(NETWORKS[name], 8), input_shape=(3, 96, 96))
    table = spec.table
    for row in table:
        if "norm" in row.name:
            table = change(table, row.name, alpha=1.0)
    table = change(table, *(row.name for row in weighted(table)), std=0.1)
    return built(replace(spec, table=table), 10, seed=2).double()


def outputs_and_gradients(net, function, x):
    net.zero_grad()
    logits = function(x)
    F.cross_entropy(logits, torch.tensor([3, 7])).backward()
    return logits.detach(), {name: p.grad.clone() for name, p in net.named_parameters()}


@pytest.mark.parametrize(("name", "by_hand"), [("alexnet", two_towers), ("alexnet_150", without_communication)])
def test_the_grouped_network_is_two_towers(name, by_hand):
    net = loud(name)
    x = pictures(net, dtype=torch.float64)
    logits, gradients = outputs_and_gradients(net, net, x)
    expected, expected_gradients = outputs_and_gradients(net, lambda t: by_hand(net, t), x)
    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-12)
    for parameter, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected_gradients[parameter], rtol=1e-9, atol=1e-14)
        assert gradient.abs().max() > 0


def test_the_towers_of_config_150_meet_in_the_last_layer_only():
    net = loud("alexnet_150")
    x = pictures(net, dtype=torch.float64)
    before = net.forward_features(x)
    with torch.no_grad():
        for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"):
            halves(net.get_submodule(name))[1][0].mul_(1.5)
    after = net.forward_features(x)
    width = before.shape[1] // 2
    assert torch.equal(after[:, :width], before[:, :width])
    assert not torch.equal(after[:, width:], before[:, width:])


def test_224_pixels_with_three_zeros_after_are_227_pixels():
    """Ceiling division gives 55: window 54 begins at pixel 216 and reads up to 226, past the picture."""
    table = ALEXNET.table[:1]
    padded = built(replace(ALEXNET, table=table)).double()
    plain_table = change(table, "conv1", pad_after=0)
    plain = Network(replace(ALEXNET, table=plain_table, input_shape=(3, 227, 227)), 0).double()
    plain.load_state_dict(padded.state_dict())
    x = pictures(padded, 1, dtype=torch.float64)
    larger = torch.zeros(1, 3, 227, 227, dtype=torch.float64)
    larger[:, :, :224, :224] = x
    with torch.inference_mode():
        assert padded(x).shape == (1, 96, 55, 55)
        assert torch.equal(padded(x), plain(larger))
        assert plain(x).shape == (1, 96, 54, 54)
