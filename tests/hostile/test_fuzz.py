"""The short form of the fuzzing, and faults put into readers, each of which it must find."""

import ctypes
import random
import time

import pytest
from container_targets import CONTAINER_SHARES, container_targets
from fuzz import LEAST_SHARE, summary
from fuzz_engine import MB, Fuzz, Target
from picture_targets import PICTURE_SHARES, picture_targets

from alexnet.core.errors import DataError

MUTANTS = {"pictures": 6_000, "containers": 3_000}
KINDS = {"pictures": (picture_targets, PICTURE_SHARES), "containers": (container_targets, CONTAINER_SHARES)}
TRIGGER = b"\x07"


@pytest.mark.parametrize("kind", KINDS)
def test_no_mutant_crashes_hangs_or_grows_and_a_third_gets_to_the_body(kind, tmp_path):
    made, shares = KINDS[kind]
    targets, whole = made(), sum(shares.values())
    assert {target.name for target in targets} == shares.keys()
    tallies = {
        target.name: Fuzz(target, seed=1, work=tmp_path, keep=tmp_path / "failed").run(
            max(60, round(MUTANTS[kind] * shares[target.name] / whole)), batch=500
        )
        for target in targets
    }
    found = summary(kind, 1, tallies, 0.0)
    assert [failure for tally in tallies.values() for failure in tally.failures] == []
    assert found["passed"] and found["mutants"] >= MUTANTS[kind]
    assert all(tally.reached > LEAST_SHARE * tally.mutants for tally in tallies.values())
    assert all(tally.refusals for tally in tallies.values()), "mutants that nobody refuses test nothing"


def bytewise(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return bytes([rng.randrange(64)]) + other[1:]


def planted(does):
    """A reader that is well until it meets a certain byte."""

    def read(data, folder):
        if data[:1] == TRIGGER:
            does()
        raise DataError("is nothing", where="x")

    return Target(name="planted", seeds=(b"abcdef",), mutate=bytewise, read=read, memory=64 * MB)


def loop():
    while True:
        pass


def endless_list():
    kept = []
    while True:
        kept.append(bytearray(MB))


def grow():
    time.kept = [b"x" * (100 * MB)]


@pytest.mark.parametrize(
    ("does", "kind"),
    [
        (lambda: ctypes.string_at(0), "crash"),
        (loop, "hang"),
        (grow, "memory"),
        (endless_list, "exception"),
        (lambda: 1 / 0, "exception"),
    ],
    ids=["crash", "hang", "memory", "endless allocation", "exception"],
)
def test_a_fault_put_in_is_found_and_laid_to_its_input(does, kind, tmp_path):
    fuzz = Fuzz(planted(does), seed=0, work=tmp_path, keep=tmp_path / "failed")
    tally = fuzz.run(60, batch=60)
    assert tally.failures and {failure.kind for failure in tally.failures} == {kind}
    assert all((tmp_path / "failed" / failure.file).read_bytes()[:1] == TRIGGER for failure in tally.failures)
    assert not summary("pictures", 0, {"planted": tally}, 0.0)["passed"]


def test_a_line_that_a_terminal_would_act_on_is_found(tmp_path):
    def read(data, folder):
        error = DataError("x")
        error.what = "x"
        error.__class__ = type("Odd", (DataError,), {"__str__": lambda self: "\x1b[31m"})
        raise error

    target = Target(name="planted", seeds=(b"abcdef",), mutate=bytewise, read=read)
    tally = Fuzz(target, seed=0, work=tmp_path, keep=tmp_path / "failed").run(1, batch=1)
    assert [failure.kind for failure in tally.failures] == ["message"]


def test_a_mutant_follows_from_seed_target_and_number(tmp_path):
    one, again, other = (
        Fuzz(picture_targets()[0], seed=seed, work=tmp_path, keep=tmp_path) for seed in (3, 3, 4)
    )
    assert [one.mutant(k) for k in range(9)] == [again.mutant(k) for k in range(9)]
    assert [one.mutant(k) for k in range(9)] != [other.mutant(k) for k in range(9)]
