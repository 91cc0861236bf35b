"""Processes meet anew in a store that remembers an earlier start, and notice who stands still."""

from datetime import timedelta
from threading import Thread

import pytest
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from alexnet.parallel.meeting import meet
from alexnet.parallel.pulse import Silences
from alexnet.parallel.world import World

LIMIT = timedelta(seconds=30)


def groups_met(store, size):
    """Let `size` threads meet in the store, the first one last, and return whether each finds an old key."""
    found = {}

    def come(rank, own):
        group = meet(World(rank, size), own)
        group.set(f"from {rank}", "here")
        group.wait([f"from {other}" for other in range(size)], LIMIT)
        found[rank] = group.check(["old"])
        group.set("old", "")

    threads = [Thread(target=come, args=(rank, store.clone())) for rank in reversed(range(size))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


@pytest.mark.parametrize("size", [2, 3])
def test_each_start_has_a_store_of_its_own(size):
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=LIMIT)
    for _ in range(3):
        found = groups_met(store, size)
        assert sorted(found) == list(range(size))
        assert not found[0] or not all(found.values())


def test_words_of_an_earlier_start_let_nobody_in():
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=LIMIT)
    store.set("alexnet/leader", "dead")
    store.set("dead/1", "dead too")
    store.set("dead/open/dead too", "")
    assert sorted(groups_met(store, 2)) == [0, 1]


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_silence_is_the_time_since_the_last_sign(speaks):
    silences, count, expected = Silences(2, beat=3), 0, 0.0
    for number, spoken in enumerate(speaks):
        count += spoken
        silences.hear([str(number).encode(), str(count).encode()], 3.0)
        expected = 0.0 if spoken or number == 0 else expected + 3
        assert silences.seconds == [0.0, expected]


def test_a_listener_that_was_stopped_accuses_nobody():
    silences = Silences(2, beat=3)
    silences.hear([b"1", b"1"], 3.0)
    silences.hear([b"2", b"1"], 3600.0)
    assert silences.seconds == [0.0, 12.0]
    silences.hear(None, 3.0)
    assert silences.seconds == [3.0, 15.0]
