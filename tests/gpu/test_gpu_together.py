"""The kernels in a network of two towers: two steps of training as the plain network takes them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alexnet.core.keys import Key
from alexnet.gpu.dropout import keyed_dropout
from alexnet.gpu.graph import GraphedStep
from alexnet.gpu.sgd import OnePassSGD
from alexnet.gpu.space_to_depth import block_conv2d, space_to_depth
from alexnet.gpu.stage import relu_lrn_pool, relu_lrn_pool_towers
from alexnet.gpu.towers import conv_towers
from alexnet.nets.initialize import initialize
from alexnet.nets.network import Network
from alexnet.nets.rows import Activation, Conv, Dropout, Linear, Lrn, Pool
from alexnet.nets.tables import NetSpec
from alexnet.ops import fused
from alexnet.ops.dropout import dropout_draws
from alexnet.optim.sgd import SGD

pytestmark = pytest.mark.usefixtures("kernels")
TABLE = (
    Conv("conv1", 16, kernel=11, stride=4, pad_after=3),
    Activation("relu1"),
    Lrn("norm1", groups=2, alpha=0.01),
    Pool("pool1", 3, 2),
    Conv("conv2", 32, kernel=5, pad=2, groups=2, bias=1),
    Activation("relu2"),
    Conv("conv3", 24, kernel=3, pad=1, groups=2, bias=1),
    Activation("relu3"),
    Pool("pool3", 3, 2),
    Linear("fc4", 32, bias=1),
    Activation("relu4"),
    Dropout("drop4"),
    Linear("fc5", None),
)
SAMPLES = np.array([7, 2])


def network(device):
    spec = NetSpec(name="small", table=TABLE, input_shape=(3, 52, 52), num_classes=5, source="test")
    net = Network(spec, 5)
    initialize(net, TABLE, Key.from_seed(1))
    for parameter in net.parameters():
        parameter.data.mul_(3)
    return net.to(device, memory_format=torch.channels_last)


def fast_forward(net, pictures, key, step, samples):
    """The same layers through the kernels."""
    blocks = space_to_depth(F.pad(pictures, (0, 3, 0, 3)), 11, 4)
    x = block_conv2d(blocks, net.conv1.weight, stride=4)
    norm, pool = fused.Norm(5, 0.01, 0.75, 2.0, 2), fused.Pool(3, 2)
    xs = relu_lrn_pool_towers([x], net.conv1.bias, norm=norm, pool=pool, outputs=2)
    xs = conv_towers(xs, net.conv2.weight, groups=2, padding=2)
    xs = relu_lrn_pool_towers(xs, net.conv2.bias, outputs=2)
    xs = conv_towers(xs, net.conv3.weight, groups=2, padding=1)
    (x,) = relu_lrn_pool_towers(xs, net.conv3.bias, pool=pool)
    x = F.linear(x.flatten(1), net.fc4.weight)
    x = relu_lrn_pool(x[:, :, None, None].contiguous(memory_format=torch.channels_last), net.fc4.bias).flatten(
        1
    )
    return net.fc5(keyed_dropout(x, key.derive("drop4"), step, samples))


def test_two_steps_are_the_plain_networks(device):
    theirs, ours = network(torch.device("cpu")), network(device)
    reference, optimizer = (SGD(net.parameters(), lr=0.05) for net in (theirs, ours))
    fast, key = OnePassSGD(optimizer), Key.from_seed(2)
    samples = torch.from_numpy(SAMPLES).to(device)
    for step in range(2):
        generator = torch.Generator().manual_seed(step)
        pictures = torch.randn(2, 3, 52, 52, generator=generator).contiguous(memory_format=torch.channels_last)
        labels = torch.tensor([1, 4])
        for each in (reference, optimizer):
            each.zero_grad()
        with dropout_draws(key, step, SAMPLES):
            expected = F.cross_entropy(theirs(pictures), labels)
        number = torch.tensor([step], device=device)
        got = F.cross_entropy(fast_forward(ours, pictures.to(device), key, number, samples), labels.to(device))
        torch.testing.assert_close(got.detach().cpu(), expected.detach(), rtol=1e-5, atol=1e-6)
        expected.backward()
        reference.step()
        fast.begin(torch.isfinite(got))
        got.backward()
        for (name, a), b in zip(theirs.named_parameters(), ours.parameters(), strict=True):
            assert a.grad.abs().max() > 0, name
            torch.testing.assert_close(
                b.grad.cpu(), a.grad, rtol=1e-3, atol=1e-5 * float(a.grad.abs().max()), msg=name
            )
        fast.step()
    for (name, a), b in zip(theirs.named_parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(b.detach().cpu(), a.detach(), rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.gpu
@pytest.mark.parametrize("overlap", [False, True])
def test_captured_steps_are_the_ones_taken_one_by_one(cuda, overlap):
    """Over a change of the rate, with a mask for each step, and the update beside the backward pass or behind it."""

    def run(warmups):
        net, key = network(cuda), Key.from_seed(2)
        optimizer = SGD(net.parameters(), lr=0.05)
        fast = OnePassSGD(optimizer, overlap=overlap)

        def function(pictures, labels, number, samples):
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(fast_forward(net, pictures, key, number, samples), labels)
            fast.begin(torch.isfinite(loss))
            loss.backward()
            fast.step()
            return loss.detach()

        losses, graphed = [], None
        for step in range(6):
            generator = torch.Generator().manual_seed(step)
            pictures = torch.randn(2, 3, 52, 52, generator=generator).contiguous(
                memory_format=torch.channels_last
            )
            inputs = {
                "pictures": pictures.to(cuda),
                "labels": torch.tensor([step % 5, 4], device=cuda),
                "number": torch.tensor([step], device=cuda),
                "samples": torch.from_numpy(SAMPLES).to(cuda),
            }
            graphed = graphed or GraphedStep(function, inputs, warmups=warmups)
            optimizer.param_groups[0]["lr"] = 0.05 if step < 4 else 0.005
            fast.load_rates()
            losses.append(float(graphed(**inputs)))
        return losses, [p.detach().cpu() for p in net.parameters()], graphed.captured

    eager, captured = run(100), run(2)
    assert captured[2] and not eager[2]
    assert captured[0] == pytest.approx(eager[0], rel=1e-3)
    for a, b in zip(captured[1], eager[1], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
