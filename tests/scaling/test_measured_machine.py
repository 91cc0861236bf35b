"""A machine from measured sums and steps: what it was made from, it gives back."""

import pytest

from alexnet.nets.catalog import NETWORKS
from alexnet.scaling.exchange import Group, sum_time
from alexnet.scaling.machine import Link, Machine
from alexnet.scaling.measured import beside, compare_step, compare_sum, link_of, machine_of
from alexnet.scaling.work import work_of

WORK = work_of(NETWORKS["cifar10_19pct"])
RATE, FIXED = 1e-4, 2e-3
TRUE = Machine(
    flops=WORK.flops / RATE, overhead=FIXED, update_bytes=0, overlap=False, node=Link(bandwidth=2e9, latency=1e-4),
    network=Link(bandwidth=1.0),
)  # fmt: skip


@pytest.fixture
def result():
    seconds = {f"steps/cifar10_19pct/1/{n}": RATE * n + FIXED for n in (128, 64, 32)}
    for processes in (2, 4):
        for size in (4096, 1 << 20, 64 << 20):
            seconds[f"sum/{processes}/{size}"] = sum_time(size, Group(processes, 1), TRUE)
    seconds |= {"steps/cifar10_19pct/4/32": 0.01, "shared/cifar10_19pct/4/128": 0.02}
    return {"machine": {"cores": 2}, "seconds": {name: {"min": value} for name, value in seconds.items()}}


@pytest.mark.parametrize("processes", [2, 4])
def test_sums_between_the_two_are_those_of_the_link(result, processes):
    link = link_of(result, processes).node
    assert link.bandwidth == pytest.approx(TRUE.node.bandwidth, rel=1e-3)
    assert link.latency == pytest.approx(TRUE.node.latency, rel=0.02)
    assert compare_sum(result, processes, 1 << 20).ratio == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(("processes", "crowd"), [(2, 1), (4, 2)])
def test_processes_share_the_cores(result, processes, crowd):
    machine = machine_of(result, "cifar10_19pct", processes)
    assert machine.flops == pytest.approx(TRUE.flops / crowd)
    assert machine.overhead == pytest.approx(FIXED * crowd)


def test_a_step_is_its_share_and_the_sum(result):
    one = compare_step(result, "cifar10_19pct", 4, 128)
    sums = compare_sum(result, 4, 1 << 20).predicted * 4 * WORK.parameters / (1 << 20)
    assert one.predicted == pytest.approx(2 * (32 * RATE + FIXED) + sums, rel=0.05)
    assert one.ratio == 0.02 / one.predicted
    assert beside(result, "cifar10_19pct", 4, 128) == 0.01
