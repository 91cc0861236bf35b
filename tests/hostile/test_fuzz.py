"""The short form of the fuzzing, and faults put into readers, each of which it must find."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from container_targets import CONTAINER_SHARES, container_targets
from fuzz import LEAST_SHARE, summary
from fuzz_engine import Fuzz, Target
from picture_targets import PICTURE_SHARES, picture_targets
from planted_faults import TRIGGER, bytewise

from alexnet.core.errors import DataError

MUTANTS = {"pictures": 6_000, "containers": 3_000}
KINDS = {"pictures": (picture_targets, PICTURE_SHARES), "containers": (container_targets, CONTAINER_SHARES)}


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


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    command = [
        sys.executable,
        str(Path(__file__).with_name("planted_faults.py")),
        str(tmp_path_factory.mktemp("planted")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("crash", "crash"),
        ("hang", "hang"),
        ("memory", "memory"),
        ("memory after use", "memory"),
        ("endless allocation", "exception"),
        ("exception", "exception"),
    ],
)
def test_a_fault_put_in_is_found_and_laid_to_its_input(fault, kind, planted):
    assert planted[fault]["kinds"] == [kind] and planted[fault]["first_bytes"] == list(TRIGGER)
    assert planted[fault]["failures"] > 0


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
