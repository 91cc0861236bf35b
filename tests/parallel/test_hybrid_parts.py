"""What a hybrid network and its steps are made of: cuts, passes, one step, what crosses, and what is refused."""

from dataclasses import replace

import hybrid_run
import numpy as np
import pytest
import torch
from hybrid_run import BATCH, CLASSES, CROP, KEY, ONCE, SPEC, network, part_of
from hypothesis import given
from hypothesis import strategies as st
from processes import in_ranks

from alexnet.core.errors import RecipeError
from alexnet.nets.hybrid import HybridNetwork
from alexnet.nets.network import Network
from alexnet.nets.rows import Rbf
from alexnet.nets.tables import change, insert_after, without
from alexnet.parallel.ranks import Ranks
from alexnet.parallel.world import World
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Batch
from alexnet.training.hybrid_passes import passes
from alexnet.training.stepper import PlainStepper

BFLOAT16 = replace(ONCE[2], precision="bfloat16")
SINGLE = without(SPEC.table, "fc3", "relu3", "drop3", "fc4", "relu4", "drop4")
"""One fully connected layer."""


def batch_of(count, dtype, share=slice(None)):
    """Return a share of a batch of random pictures."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(count, 3, CROP, CROP, generator=generator).to(dtype, memory_format=torch.channels_last)
    labels = torch.arange(count) * 3 % CLASSES
    return Batch(inputs[share], labels[share], np.arange(count)[share] + 7, count)


def one_step(ranks, config, count, dtype):
    """Take one step; return the result, the whole gradients, the bytes sent and the logits after it."""
    net, stepper = part_of(ranks, config, dtype)
    result = stepper.begin(batch_of(count, dtype, ranks.world.share(count)), 0).result()
    gradients = {n: net.shards.whole(n, p.grad.contiguous()).numpy() for n, p in net.named_parameters()}
    net.eval()
    with torch.no_grad():
        logits = net(batch_of(5, dtype).inputs), net(batch_of(1, dtype).inputs)
    return result, gradients, stepper.traffic.bytes, [part.numpy() for part in logits]


def one_step_alone(count, dtype=torch.float64):
    net = network(dtype)
    stepper = PlainStepper(
        net, hybrid_run.optimizer_of(net), ONCE[0], KEY.derive("dropout"), torch.device("cpu")
    )
    result = stepper.begin(batch_of(count, dtype), 0).result()
    net.eval()
    with torch.no_grad():
        logits = [net(batch_of(n, dtype).inputs).numpy() for n in (5, 1)]
    return result, {n: p.grad.numpy() for n, p in net.named_parameters()}, logits


def bytes_sent(world, count, *, wide=8, narrow=8):
    """Return what a process hands over in a step: counted from the shapes.

    Args:
        wide: Bytes of a gradient and a logit.
        narrow: Bytes of an activity.
    """
    sizes, others = world.sizes(count), world.size - 1
    own, units = sizes[world.rank], world.sizes(hybrid_run.UNITS[0])
    told = own * others * 2 * 8
    features = hybrid_run.FEATURES * (own * others + count - own)
    hidden = count * (units[world.rank] * others + sum(units) - units[world.rank])
    return told + (features + hidden) * narrow + (count * CLASSES + hybrid_run.CONVOLUTIONS) * wide


def steps(ranks):
    """Take one step in each scheme, with images for all processes and with too few."""
    whole = [one_step(ranks, config, count, torch.float64) for config in ONCE for count in (BATCH, 1)]
    return whole, [one_step(ranks, BFLOAT16, count, torch.float32) for count in (BATCH, 1)]


def require_steps(size, everybody):
    """Compare outputs and gradients with those of one process, and bytes with the count."""
    expected = {count: one_step_alone(count) for count in (BATCH, 1)}
    for rank, (whole, narrow) in enumerate(everybody):
        world = World(rank, size)
        for count, (result, gradients, sent, logits) in zip([BATCH, 1] * len(ONCE), whole, strict=True):
            alone, right, right_logits = expected[count]
            assert result.loss == pytest.approx(alone.loss, rel=1e-6)
            assert (result.top1_errors, result.top5_errors, result.count) == (
                alone.top1_errors,
                alone.top5_errors,
                count,
            )
            for name, gradient in gradients.items():
                np.testing.assert_allclose(gradient, right[name], rtol=1e-11, atol=1e-14, err_msg=name)
            for found, wanted in zip(logits, right_logits, strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)
            assert sent == bytes_sent(world, count)
        for count, (result, _, sent, _) in zip([BATCH, 1], narrow, strict=True):
            assert result.count == count and result.is_finite
            assert sent == bytes_sent(world, count, wide=4, narrow=2)


def held(net):
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def spoiled_and_restored(ranks):
    """Take a step on pictures of which one is infinite, in each scheme; take the weights of another network."""
    unchanged = []
    for config in ONCE:
        net, stepper = part_of(ranks, config, torch.float64)
        before, batch = held(net), batch_of(BATCH, torch.float64, ranks.world.share(BATCH))
        if ranks.world.leads:
            batch.inputs[0] = torch.inf
        result = stepper.begin(batch, 0).result()
        unchanged.append(not result.is_finite and all(torch.equal(t, before[n]) for n, t in held(net).items()))
        stepper.close()
    other = network().state_dict()
    for tensor in other.values():
        tensor.copy_(torch.arange(tensor.numel(), dtype=tensor.dtype).view(tensor.shape))
    net.take(other)
    back = {name: net.shards.whole(name, own) for name, own in net.state_dict().items()}
    return (
        unchanged,
        all(torch.equal(back[name], tensor) for name, tensor in other.items()),
        len(back) == len(other),
    )


def single_layer(ranks):
    """Return the logits of a network whose only fully connected layer reads maps, and its weight's columns."""
    net = HybridNetwork(network(table=SINGLE), ranks).eval()
    with torch.no_grad():
        return net(batch_of(5, torch.float64).inputs).numpy(), tuple(net.fc5.weight.shape)


def everything(ranks):
    return steps(ranks), spoiled_and_restored(ranks), single_layer(ranks)


@pytest.fixture(scope="module")
def two():
    """Return what two processes find, in one start."""
    return in_ranks(2, everything)


def test_one_step_of_two(two):
    require_steps(2, [found for found, _, _ in two])


def test_one_step_of_three():
    require_steps(3, in_ranks(3, steps))


def test_a_loss_that_is_not_finite_holds_all_weights(two):
    for _, (unchanged, _, _), _ in two:
        assert unchanged == [True] * len(ONCE)


def test_weights_are_taken_and_come_back_whole(two):
    for _, (_, restored, complete), _ in two:
        assert restored and complete


def test_a_single_fully_connected_layer_is_cut_by_inputs(two):
    with torch.no_grad():
        expected = network(table=SINGLE).eval()(batch_of(5, torch.float64).inputs).numpy()
    for _, _, (logits, shape) in two:
        np.testing.assert_allclose(logits, expected, rtol=1e-12, atol=1e-14)
        assert shape == (CLASSES, hybrid_run.FEATURES // 2)


@given(st.sampled_from(["whole", "turns", "mixed"]), st.integers(1, 5), st.integers(1, 40))
def test_passes_bring_each_image_once_and_from_its_owner(scheme, size, count):
    places = []
    for rank in range(size):
        world = World(rank, size)
        share = world.share(count)
        for part in (plan := passes(scheme, world, count)):
            own, image = part.own(world, count), part.images[rank]
            assert share.start <= image.start <= image.stop <= share.stop
            assert range(count)[share][own] == range(count)[image]
            assert len(part) == sum(part.counts) > 0
            places += range(count)[image]
    assert sorted(places) == list(range(count))
    assert len(plan) == 1 if scheme == "whole" else len(plan) <= size


def test_turns_are_shares_and_mixtures_are_even():
    world = World(0, 2)
    assert [part.counts for part in passes("turns", world, 8)] == [(4, 0), (0, 4)]
    assert [part.counts for part in passes("mixed", world, 8)] == [(2, 2), (2, 2)]


def test_a_process_alone_takes_plain_steps():
    net, stepper = part_of(Ranks(), ONCE[2], torch.float64)
    result = stepper.begin(batch_of(BATCH, torch.float64), 0).result()
    alone, right, _ = one_step_alone(BATCH)
    assert result == alone and stepper.traffic.bytes == 0
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter.grad, torch.from_numpy(right[name]))


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (SPEC.table[:8], "no fully connected layer"),
        (change(SPEC.table, "fc3", groups=2), "fc3 is in 2 towers"),
        (insert_after(change(SPEC.table, "fc3", units=84), "fc3", Rbf("codes")), "codes, between"),
    ],
)
def test_networks_that_cannot_be_cut_are_refused(table, reason):
    with pytest.raises(RecipeError, match=f"train.parallel: .*{reason}"):
        HybridNetwork(Network(SPEC, CLASSES, table), Ranks())


def test_updates_after_the_only_pass_are_refused():
    with pytest.raises(ValueError, match="hybrid_scheme"):
        TrainConfig(hybrid_scheme="whole", hybrid_updates="each")
