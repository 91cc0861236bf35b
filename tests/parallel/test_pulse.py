"""Who is silent, who stands still and who holds the others up is told apart."""

import hashlib
import threading
from datetime import timedelta

import pytest
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from alexnet.core import files
from alexnet.parallel.activity import Activity, Waited
from alexnet.parallel.pulse import Holdups, Pulse
from alexnet.parallel.world import World

LIMIT = timedelta(seconds=30)


def pulse_of_one(until, silence):
    """Let a process alone beat while its main thread does `until(pulse)`; return why it would have ended."""
    store, heard = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=LIMIT), []
    with Pulse(World(), store.clone(), Waited(), lost=heard.append, silence=silence, beat=0.02) as pulse:
        until(pulse)
    return heard


def test_who_is_silent_is_named():
    store, heard = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=LIMIT), []
    store.set("sign/1", "0 0 0 ")
    store.set("name/1", "node7, process 12")
    waited = Waited()
    pulse = Pulse(World(0, 2), store.clone(), waited, lost=heard.append, silence=0.1, beat=0.02)
    with pulse, waited.waiting():
        pulse._thread.join(60)
    assert heard == ["rank 1 (node7, process 12) has not answered for 0 s"]


def test_a_main_thread_that_sleeps_is_found_by_its_own_process(capfd):
    (reason,) = pulse_of_one(lambda pulse: pulse._thread.join(60), silence=0.5)
    assert reason.startswith("rank 0 (") and "hangs: 0 s without work in threading." in reason
    assert "most recent call first" in capfd.readouterr().err


def test_a_main_thread_that_works_is_left_alone():
    """It computes until the same number of signs has been shown after which the test above finds a sleeper."""

    def work(pulse):
        while pulse._activity.apart < 1.5:
            hashlib.sha256(bytes(1 << 20)).digest()
            assert pulse._thread.is_alive()

    assert pulse_of_one(work, silence=0.5) == []


def looked_at(activity, meanwhile, elapsed=1.0):
    """Do something while another thread looks before and after; return the seconds of standing still."""
    ready, done = threading.Event(), threading.Event()

    def watch():
        activity.look(elapsed)
        ready.set()
        done.wait(60)
        activity.look(elapsed)

    thread = threading.Thread(target=watch)
    thread.start()
    ready.wait(60)
    meanwhile()
    done.set()
    thread.join(60)
    return activity.still


@pytest.fixture
def asleep(tmp_path):
    """A table of threads that sleep, whatever the threads of this process do."""
    for thread, state in (("1", "S"), ("2", "I")):
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "stat").write_text(f"{thread} (a) name) {state} 0 0")
    return tmp_path


def compute():
    hashlib.sha256(bytes(1 << 26)).digest()


def test_nothing_is_standing_still(asleep):
    assert looked_at(Activity(Waited(), asleep), lambda: None, elapsed=1e6) == 2e6


def test_computing_is_not(asleep):
    assert looked_at(Activity(Waited(), asleep), compute) == 0


@pytest.mark.parametrize("state", ["R", "D"])
def test_neither_is_a_thread_that_may_run_or_waits_for_a_disk(asleep, state):
    (asleep / "2" / "stat").write_text(f"2 (name) {state} 0 0")
    assert looked_at(Activity(Waited(), asleep), lambda: None, elapsed=1e6) == 0


def test_nor_is_reading(asleep):
    own = asleep / str(threading.main_thread().native_id)
    own.mkdir()
    (own / "io").write_text("rchar: 10\nwchar: 0\nsyscr: 1\n")
    activity = Activity(Waited(), asleep)
    assert looked_at(activity, lambda: (own / "io").write_text("rchar: 11\nwchar: 0\n"), elapsed=1e6) == 0


def test_nor_is_a_flush_to_a_file_system_that_sleeps(asleep, tmp_path_factory, monkeypatch):
    activity, found = Activity(Waited(), asleep), []
    monkeypatch.setattr(
        files.os, "fsync", lambda descriptor: found.append(looked_at(activity, lambda: None, elapsed=1e6))
    )
    files.commit_bytes(tmp_path_factory.mktemp("files") / "file", b"x")
    assert set(found) == {0}


def test_waiting_for_the_others_is_not_and_neither_is_having_waited(asleep):
    waited = Waited()
    activity = Activity(waited, asleep)
    with waited.waiting():
        assert looked_at(activity, lambda: None, elapsed=1e6) == 0
        assert (activity.waiting, activity.apart) == (2e6, 0)
    activity.look(1e6)
    assert (activity.waiting, activity.apart) == (0, 1e6)
    with waited.waiting():
        pass
    activity.look(1e6)
    assert (activity.still, activity.apart) == (0, 1e6)


def test_without_a_table_of_threads_nothing_stands_still(tmp_path):
    assert looked_at(Activity(Waited(), tmp_path / "none"), lambda: None, elapsed=1e6) == 0


def sign(waiting, apart):
    return f"7 {waiting} {apart} data.feed".encode()


def test_the_first_who_waits_names_who_holds_up_at_doubled_times():
    said = {rank: [] for rank in range(3)}
    holdups = {rank: Holdups(10) for rank in range(3)}
    for second in range(0, 100, 3):
        signs = [sign(0, second), sign(max(0, second - 5), 0), sign(second, 0)]
        for rank in range(3):
            said[rank] += holdups[rank].due(rank, signs)
    assert [seconds for _, seconds, _ in said[2]] == [12]
    assert [seconds for _, seconds, _ in said[1]] == [15, 30, 60]
    assert {(rank, place) for lines in said.values() for rank, _, place in lines} == {(0, "data.feed")}
    assert said[0] == []


@given(st.lists(st.integers(0, 100), min_size=1, max_size=5))
def test_nobody_is_named_while_nobody_waits(aparts):
    signs = [sign(0, apart) for apart in aparts]
    assert not any(Holdups(10).due(rank, signs) for rank in range(len(aparts)))
