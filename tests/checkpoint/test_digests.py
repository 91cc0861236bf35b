"""Digests of planned checkpoints, in a chain."""

import hashlib
import json
import random

import pytest
from small_checkpoints import save

from alexnet.checkpoint.digests import DigestLog, chained


@pytest.fixture
def log(tmp_path):
    return DigestLog(tmp_path / "digests.jsonl")


def lines(log):
    return [json.loads(text) for text in log.path.read_text().splitlines()]


def written(log, store, steps):
    for step in steps:
        log.add(step, 10 * step, save(store, step))


def test_a_line_holds_the_digests_of_the_checkpoints_files(log, store):
    written(log, store, [4, 8])
    before = ""
    for step, line in zip((4, 8), lines(log), strict=True):
        for name, file in (("weights", "model"), ("velocities", "velocity")):
            data = (store.path(step) / f"{file}.safetensors").read_bytes()
            assert line[name] == hashlib.sha256(data).hexdigest()
        assert (line["step"], line["images_seen"]) == (step, 10 * step)
        before = chained(before, line)
        assert line["chain"] == before


def test_each_step_has_one_line(log, store):
    written(log, store, [4, 4, 8, 8])
    assert [line["step"] for line in lines(log)] == [4, 8]


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_was_broken_off_has_the_lines_of_one_that_was_not(tmp_path, store, seed):
    """Each part goes on from an earlier step than the last one reached; it may leave a line that is cut off."""
    draw = random.Random(seed)
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    written(DigestLog(whole), store, range(0, 40, 4))
    reached = 0
    while reached < 40:
        reached = draw.randrange(max(reached - 12, 0), reached + 1, 4)
        stop = reached + draw.choice([4, 8, 16])
        written(DigestLog(broken), store, range(reached, min(stop, 40), 4))
        reached = stop
        if stop < 40 and draw.random() < 0.5:
            with open(broken, "a") as stream:
                stream.write(draw.choice(['{"step": ', '{"step": 36}', "[]\n"]))
    assert broken.read_bytes() == whole.read_bytes()


def test_a_lost_line_shows_in_the_next(tmp_path, store):
    whole, gap = DigestLog(tmp_path / "whole.jsonl"), DigestLog(tmp_path / "gap.jsonl")
    written(whole, store, [0, 4, 8])
    written(gap, store, [0, 8])
    assert lines(whole)[2]["weights"] == lines(gap)[1]["weights"]
    assert lines(whole)[2]["chain"] != lines(gap)[1]["chain"]


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path, store):
    written(DigestLog(tmp_path / "no" / "folder" / "digests.jsonl"), store, [0])
