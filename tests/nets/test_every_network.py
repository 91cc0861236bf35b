"""What every network of the catalog must do: learn, be stored, and compute in other layouts, types and compiled."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from small_networks import built, pictures, tiny

from alexnet.core.keys import Key
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.network import Network
from alexnet.nets.tables import change, weighted
from alexnet.ops.dropout import dropout_draws
from alexnet.optim.config import OptimConfig
from alexnet.optim.groups import build_optimizer

EVERY = pytest.mark.parametrize("name", sorted(NETWORKS))
WITH_EVERY_ROW = ("alexnet_145", "alexnet_150", "alexnet_bn", "cifar10_11pct", "lenet5")
"""Between them they hold every kind of row; compiling the others takes a second each."""
INDUCTOR_WARNS = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
"""Torch's compiler imports deprecated parts of torch."""
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])
RATES = {"zfnet": 0.05, "lenet1": 0.5, "lenet5_modern": 0.05}
"""Learning rates of networks that are slow with 0.02."""


def lively(name):
    """A tiny network whose weights are scaled by their inputs: with 0.01 so few maps would learn slowly."""
    spec = tiny(name)
    normal = [row.name for row in weighted(spec.table) if row.uniform is None]
    return replace(spec, table=change(spec.table, *normal, std=None))


def blobs(net):
    """Pictures of soft spots, which are easier to tell apart than noise."""
    generator = torch.Generator().manual_seed(0)
    spots = 2 * torch.randn(len(LABELS), net.input_shape[0], 4, 4, generator=generator)
    return F.interpolate(spots, size=net.input_shape[1:], mode="bilinear")


def train(net, *, steps, config):
    """Return the loss before each step over one batch, whose dropout masks are the same in every step."""
    optimizer, x, losses = build_optimizer(net.train(), config), blobs(net), []
    for _ in range(steps):
        optimizer.zero_grad()
        with dropout_draws(Key.from_seed(1), 0, np.arange(len(LABELS))):
            loss = F.cross_entropy(net(x), LABELS)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@EVERY
def test_it_learns_one_batch(name):
    net = built(lively(name), 4)
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    losses = train(net, steps=12, config=OptimConfig(lr=RATES.get(name, 0.02)))
    assert all(map(math.isfinite, losses))
    assert losses[-1] < 0.5 * losses[0]
    assert not any(torch.equal(before[n], p) for n, p in net.named_parameters())


@EVERY
def test_stored_weights_give_the_same_bits(name, tmp_path):
    net = built(tiny(name), 4)
    train(net, steps=2, config=OptimConfig(lr=0.0005))
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    fresh = Network(net.spec, 4)
    fresh.load_state_dict(load_file(tmp_path / "model.safetensors"))
    x = pictures(net)
    with torch.inference_mode():
        assert torch.equal(fresh.eval()(x), net.eval()(x))


@EVERY
def test_memory_format_changes_rounding_only(name):
    net = built(lively(name), 4).double()
    other = built(lively(name), 4).double().to(memory_format=torch.channels_last)
    x = pictures(net, dtype=torch.float64)
    expected, got = net(x), other(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-11)
    for logits in (expected, got):
        logits.square().sum().backward()
    for parameter, ours in other.named_parameters():
        torch.testing.assert_close(ours.grad, net.get_parameter(parameter).grad, rtol=1e-8, atol=1e-9)


@EVERY
def test_it_computes_in_bfloat16(name):
    """Eight bits of mantissa through a dozen layers: the logits keep their direction."""
    net = built(lively(name), 4).to(memory_format=torch.channels_last)
    x = pictures(net, 8)
    expected = net(x)
    with torch.autocast("cpu", torch.bfloat16):
        got = net(x)
    loss = F.cross_entropy(got.float(), torch.arange(8) % 4)
    loss.backward()
    centered = [(t - t.mean(1, keepdim=True)).detach().float().flatten() for t in (expected, got)]
    assert F.cosine_similarity(*centered, dim=0) > 0.99
    assert all(p.grad.dtype == torch.float32 and torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.fixture
def compiler():
    """The compiler without what it remembers of other networks."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def check_compiled(net, **options):
    x = pictures(net)
    expected = net(x)
    expected.square().sum().backward()
    gradients = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    logits = torch.compile(net, fullgraph=True, **options)(x)
    logits.square().sum().backward()
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in WITH_EVERY_ROW else pytest.mark.slow) for n in sorted(NETWORKS)],
)
def test_it_is_compiled_as_one_graph(name, compiler):
    check_compiled(built(lively(name), 4), backend="aot_eager")


@pytest.mark.slow
@INDUCTOR_WARNS
@pytest.mark.parametrize("name", WITH_EVERY_ROW)
def test_inductor_computes_the_same_logits(name, compiler):
    """Logits only: on the CPU torch 2.13 loses the gradient of its own conv, relu, 3 x 3 max pool when compiled."""
    net = built(lively(name), 4).double()
    x = pictures(net, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(torch.compile(net, fullgraph=True)(x), net(x), rtol=1e-9, atol=1e-10)


def test_the_compiled_networks_hold_every_kind_of_row():
    held = {type(row) for name in WITH_EVERY_ROW for row in NETWORKS[name].table}
    assert held == {type(row) for spec in NETWORKS.values() for row in spec.table}
