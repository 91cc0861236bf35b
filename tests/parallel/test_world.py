"""The place that torchrun gives a process, and its share of things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.core.errors import UsageError
from alexnet.parallel.world import ALONE, World, from_environment

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "TORCHELASTIC_RESTART_COUNT": "2",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
}


def test_a_process_without_torchrun_is_alone():
    assert from_environment({"PATH": "/bin"}) == ALONE
    assert ALONE.leads and ALONE.is_alone


def test_torchrun_says_the_place():
    world = from_environment(TORCHRUN)
    assert world == World(rank=3, size=4, local_rank=1, local_size=2, attempt=2)
    assert not world.leads and not world.is_alone


@pytest.mark.parametrize(
    "change",
    [{"RANK": "four"}, {"RANK": "4"}, {"LOCAL_RANK": "2"}, {"LOCAL_WORLD_SIZE": ""}, {"WORLD_SIZE": "-1"}],
)
def test_contradictions_are_refused(change):
    with pytest.raises(UsageError, match="torchrun --nproc-per-node"):
        from_environment(TORCHRUN | change)


def test_a_missing_rendezvous_is_named():
    with pytest.raises(UsageError, match="MASTER_PORT is not set"):
        from_environment({name: value for name, value in TORCHRUN.items() if name != "MASTER_PORT"})


@given(st.integers(0, 1000), st.integers(1, 40))
def test_shares_cover_everything_once(count, size):
    shares = [range(count)[World(rank, size).share(count)] for rank in range(size)]
    assert [i for share in shares for i in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
