"""The model of step time: counts against the paper's sizes by hand, and what must hold whatever the numbers."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.core.errors import UsageError
from alexnet.nets.catalog import NETWORKS
from alexnet.parallel import sums
from alexnet.scaling.exchange import Group, gather_time, last_arrival, split, sum_time
from alexnet.scaling.forecast import forecast, forecasts, largest_useful
from alexnet.scaling.machine import Link, Machine
from alexnet.scaling.machines import GTX580, H200, K20
from alexnet.scaling.schemes import SCHEMES, largest_batch_share, refusal, step_time, tower_exchanges
from alexnet.scaling.work import work_of

ALEXNET = work_of(NETWORKS["alexnet"])
PLAIN = Machine(
    flops=1e12,
    node=Link(bandwidth=1e9),
    network=Link(bandwidth=1e8),
    update_bytes=0,
    gradient_bytes=4,
    activation_bytes=4,
    overlap=False,
)
"""No latencies, nothing hidden: times are bytes over bandwidth."""
machines = st.builds(
    Machine,
    flops=st.floats(1e9, 1e15),
    memory_bandwidth=st.floats(1e9, 1e13),
    overhead=st.floats(0, 1e-2),
    node=st.builds(Link, bandwidth=st.floats(1e6, 1e12), latency=st.floats(0, 1e-3)),
    network=st.builds(Link, bandwidth=st.floats(1e6, 1e12), latency=st.floats(0, 1e-3)),
    ranks_per_node=st.integers(1, 9),
    input_rate=st.floats(1, 1e6),
    gradient_bytes=st.sampled_from([2, 4]),
    collective=st.sampled_from(["tree", "ring"]),
    overlap=st.booleans(),
)
schemes = st.sampled_from(list(SCHEMES.values()))


def possible(scheme, ranks, batch):
    return refusal(ALEXNET, scheme, ranks, batch) is None


# --- counts


def test_work_is_that_of_the_paper():
    assert ALEXNET.parameters == 60_965_224
    convolutions = 105_415_200 + 223_948_800 + 149_520_384 + 112_140_288 + 74_760_192
    assert ALEXNET.flops == 6 * (convolutions + 37_748_736 + 16_777_216 + 4_096_000) - 2 * 105_415_200
    assert [layer.name for layer in ALEXNET.full] == ["fc6", "fc7", "fc8"]
    assert sum(layer.parameters for layer in ALEXNET.full) == 58_631_144


def test_towers_exchange_what_the_paper_s_layers_read_of_each_other():
    """By hand, for 128 images of four bytes a value: half of each layer is on the other GPU, forward and back."""
    conv3, fc6, fc7, fc8 = 256 * 13 * 13, 256 * 6 * 6, 4096, 4096
    half = (2 * (conv3 + fc6 + fc7 + fc8) + 1000) / 2
    assert sum(tower_exchanges(ALEXNET)) == 2 * half
    step = step_time(ALEXNET, PLAIN, SCHEMES["towers"], 2, 128)
    assert step.link == pytest.approx(128 * half * 4 / PLAIN.node.bandwidth)
    assert 128 * half * 4 == 31_320_064


def test_hybrid_sends_what_the_full_layers_read():
    """Four ranks of 32 images: three quarters of every value comes from elsewhere, and convolutions add gradients."""
    handed, inner = 2 * 9216, (4096 + 4096 + 1000) + (4096 + 4096)
    convolutions = ALEXNET.parameters - 58_631_144
    bytes_in = 0.75 * 4 * (128 * (handed + inner) + 2 * convolutions)
    step = step_time(ALEXNET, PLAIN, SCHEMES["hybrid-a"], 4, 128)
    assert step.link == pytest.approx(bytes_in / PLAIN.node.bandwidth)


def test_turns_hide_what_is_handed_on_behind_the_full_layers():
    slow, fast = replace(PLAIN, flops=1e10), replace(PLAIN, flops=1e16)
    conv_sums = sum_time(4 * (ALEXNET.parameters - 58_631_144), Group(4, 1), PLAIN)
    inner = gather_time(4 * 128 * 17_384, Group(4, 1), PLAIN)
    first_and_last = 2 * gather_time(4 * 32 * 9216, Group(4, 1), PLAIN)
    link = step_time(ALEXNET, slow, SCHEMES["hybrid-c"], 4, 128).link
    assert link == pytest.approx(conv_sums + inner + first_and_last)
    order = [step_time(ALEXNET, fast, SCHEMES[f"hybrid-{o}"], 4, 128).link for o in "cab"]
    assert order == sorted(order) and order[0] < order[1] < order[2]


def test_data_parallel_sums_are_those_of_a_ring():
    step = step_time(ALEXNET, PLAIN, SCHEMES["data"], 8, 128)
    assert step.link == pytest.approx(2 * 7 / 8 * 4 * 60_965_224 / 1e9)


def test_a_sum_over_nodes_sends_each_value_of_a_node_once():
    assert sum_time(1e9, Group(8, 4), PLAIN) == pytest.approx(2 * 7 / 8 + 2 * 3 / 4 * 10)
    assert sum_time(1e9, Group(1, 4, beside=8), PLAIN) == pytest.approx(8 * 2 * 3 / 4 * 10)


@pytest.mark.parametrize(("collective", "messages"), [("ring", 14), ("tree", 6)])
def test_messages_that_follow_each_other(collective, messages):
    machine = replace(PLAIN, node=Link(bandwidth=1e30, latency=1.0), collective=collective)
    assert sum_time(1, Group(8, 1), machine) == pytest.approx(messages)


def test_pieces_are_as_large_as_the_program_s():
    assert H200.bucket_bytes == sums._BUCKET_BYTES


def test_sums_leave_in_order_and_one_after_the_other():
    assert last_arrival([(1.0, 5.0), (2.0, 1.0), (9.0, 1.0)]) == 10.0
    assert last_arrival([]) == 0.0


def test_groups_cover_all_ranks():
    assert split(64, 8, 8) == (Group(8, 1), Group(1, 8, 8))
    assert split(16, 2, 8) == (Group(2, 1), Group(4, 2, 2))
    assert split(6, 1, 4) == (Group(1, 1), Group(3, 2, 1))
    assert split(8, 2, 1) == (Group(1, 2), Group(1, 4, 1))


# --- what holds for every machine


@settings(max_examples=60, deadline=None)
@given(machines, schemes, st.integers(1, 40), st.integers(1, 3000), st.floats(1, 100))
def test_a_faster_link_never_takes_longer(machine, scheme, ranks, batch, faster):
    if not possible(scheme, ranks, batch):
        return
    step = step_time(ALEXNET, machine, scheme, ranks, batch)
    links = {
        name: Link(bandwidth=link.bandwidth * faster, latency=link.latency / faster)
        for name, link in (("node", machine.node), ("network", machine.network))
    }
    other = step_time(ALEXNET, replace(machine, **links), scheme, ranks, batch)
    assert other.seconds <= step.seconds * (1 + 1e-12)
    assert step.images_per_second == pytest.approx(batch / step.seconds)
    assert min(step.compute, step.update, step.link, step.input) >= 0


@settings(max_examples=30, deadline=None)
@given(machines, st.integers(1, 3000))
def test_one_rank_exchanges_nothing(machine, batch):
    step = step_time(ALEXNET, machine, SCHEMES["data"], 1, batch)
    assert step.link == 0
    alone = forecast(ALEXNET, machine, SCHEMES["data"], 1, batch)
    assert alone.speedup == alone.efficiency == 1


@given(st.integers(1, 5000), st.integers(1, 600))
def test_shares_hold_all_images(batch, parts):
    whole, more = divmod(batch, parts)
    shares = [whole + (part < more) for part in range(parts)]
    assert sum(shares) == batch and max(shares) == largest_batch_share(batch, parts)


@settings(max_examples=30, deadline=None)
@given(machines, st.sampled_from([2, 4, 8]))
def test_without_exchanges_ranks_compute_in_parallel(machine, ranks):
    free = replace(
        machine,
        node=Link(bandwidth=1e30),
        network=Link(bandwidth=1e30),
        overhead=0,
        input_rate=1e30,
        update_bytes=0,
    )
    for one in forecasts(ALEXNET, free, ranks, 4096):
        assert one.efficiency == pytest.approx(1, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(machines, st.integers(2, 64))
def test_overlap_hides_and_never_adds(machine, ranks):
    with_overlap, without = (
        step_time(ALEXNET, replace(machine, overlap=o), SCHEMES["data"], ranks, 512).link for o in (True, False)
    )
    assert with_overlap <= without * (1 + 1e-9) + 1e-12


def test_a_slow_loader_sets_the_pace():
    slow = replace(H200, input_rate=1000)
    step = step_time(ALEXNET, slow, SCHEMES["data"], 16, 1024)
    assert step.images_per_second == pytest.approx(2000)
    assert step.input > 0.9 * step.seconds


# --- which are possible, which the best


@pytest.mark.parametrize(
    ("network", "scheme", "ranks", "batch", "words"),
    [
        ("alexnet", "data", 8, 7, "7 images are not shared by 8 ranks"),
        ("alexnet", "data", 0, 7, "not shared by 0"),
        ("alexnet", "towers", 3, 128, "even number"),
        ("alexnet_owt", "towers", 2, 128, "no two towers"),
        ("alexnet", "hybrid-c", 1, 128, "at least two"),
    ],
)
def test_what_is_not_possible_is_refused(network, scheme, ranks, batch, words):
    with pytest.raises(UsageError, match=words):
        step_time(work_of(NETWORKS[network]), H200, SCHEMES[scheme], ranks, batch)


def test_the_fastest_order_of_each_kind_comes_first():
    found = forecasts(ALEXNET, H200, 8, 1024)
    assert sorted(one.scheme.kind for one in found) == ["data", "hybrid", "towers"]
    assert [one.step.seconds for one in found] == sorted(one.step.seconds for one in found)
    times = [step_time(ALEXNET, H200, SCHEMES[f"hybrid-{o}"], 8, 1024).seconds for o in "abc"]
    assert next(one for one in found if one.scheme.kind == "hybrid").step.seconds == min(times)


def test_scaling_ends_where_it_first_ends():
    rows = [forecast(ALEXNET, H200, SCHEMES["data"], ranks, 8192) for ranks in (1, 2, 4, 8, 64, 512)]
    assert [one.scales for one in rows] == [one.efficiency >= 0.5 for one in rows]
    assert rows[-1].scales is False
    assert largest_useful(rows) == max(one.ranks for one in rows if one.scales)
    assert largest_useful(rows[-1:]) == 0


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_has_work(name):
    work = work_of(NETWORKS[name])
    assert work.flops > 0 and forecasts(work, H200, 8, 1024)


# --- the machines


def test_h200_is_at_its_goals():
    for batch, goal in ((1024, 95_000), (128, 70_000)):
        rate = step_time(ALEXNET, H200, SCHEMES["data"], 1, batch).images_per_second
        assert rate == pytest.approx(goal, rel=0.02)


def test_k20_is_at_its_published_time():
    rate = step_time(work_of(NETWORKS["alexnet_owt"]), K20, SCHEMES["data"], 1, 128).images_per_second
    assert 90 * 1_281_167 / rate / 3600 == pytest.approx(98.05, rel=0.01)


def test_the_pair_of_2012_takes_slightly_less_time_than_the_half_net_on_one():
    """Section 3.2: the two-GPU net takes slightly less time to train than the one-GPU net with half the kernels."""
    pair = step_time(work_of(NETWORKS["alexnet_145"]), GTX580, SCHEMES["towers"], 2, 128)
    half = step_time(work_of(NETWORKS["alexnet_145_half"]), GTX580, SCHEMES["data"], 1, 128)
    assert 0.9 < pair.seconds / half.seconds < 1
    assert 5 < 90 * 1_261_406 / pair.images_per_second / 86_400 < 6
