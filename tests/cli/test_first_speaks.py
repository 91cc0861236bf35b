"""Of several processes, the first one says what all have met; the others do not end before it has."""

import time

import pytest


@pytest.fixture
def slept(monkeypatch):
    """The seconds that were slept, in place of sleeping."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def place(monkeypatch):
    """Give this process a place in a torchrun."""

    def be(rank):
        for name, value in {"RANK": rank, "WORLD_SIZE": 2, "TORCHELASTIC_RUN_ID": "none"}.items():
            monkeypatch.setenv(name, str(value))

    return be


@pytest.mark.parametrize("command", [["train", "--bogus"], ["trian"]])
def test_another_process_waits_without_a_word(cli, slept, place, command):
    place(1)
    ending = cli(*command)
    assert (ending.code, ending.out, ending.err) == (2, "", "")
    assert slept == [pytest.approx(5)]


@pytest.mark.parametrize("command", [["train", "--bogus"], ["trian"]])
def test_the_first_speaks_at_once(cli, slept, place, command):
    place(0)
    ending = cli(*command)
    assert ending.code == 2 and ending.err.startswith("alexnet: ") and not slept


def test_without_torchrun_nobody_ends_the_others(cli, slept, place, monkeypatch):
    place(1)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")
    assert cli("train", "--bogus").code == 2
    assert not slept
