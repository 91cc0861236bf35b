"""Which checkpoints are kept, and that removing the others can be cut short at any point."""

import os
import shutil

import pytest
from small_checkpoints import flip, save

from alexnet.checkpoint.store import MODEL, VELOCITY
from alexnet.core.errors import CheckpointError


def kept_after(store, keep, bests):
    for step, best in bests:
        save(store, step)
        store.rotate(keep, best)
    return store.steps()


def test_the_last_ones_are_kept(store):
    assert kept_after(store, 2, [(s, None) for s in range(1, 7)]) == [5, 6]


def test_the_best_is_kept_besides_the_last(store):
    assert kept_after(store, 2, [(1, 1), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2)]) == [2, 5, 6]


def test_a_former_best_goes_when_a_better_one_comes(store):
    assert kept_after(store, 1, [(1, 1), (2, 1), (3, 3), (4, 3), (5, 3)]) == [3, 5]


def test_the_best_may_be_among_the_last(store):
    assert kept_after(store, 2, [(s, s) for s in (1, 2, 3)]) == [2, 3]


def test_a_rotated_folder_holds_nothing_else(store):
    kept_after(store, 1, [(1, None), (2, None)])
    assert [p.name for p in store.folder.iterdir()] == ["step-000000002"]


def test_nothing_is_removed_before_the_newest_has_been_read_back(store):
    for step in (1, 2, 3):
        save(store, step)
    flip(store.path(3) / VELOCITY)
    with pytest.raises(CheckpointError, match="is damaged"):
        store.rotate(1, None)
    assert store.steps() == [1, 2, 3]


def test_a_removal_that_was_cut_short_is_finished_by_cleaning(store, monkeypatch):
    """The process dies between taking the old checkpoint out of the way and deleting its files."""
    for step in (1, 2):
        save(store, step)

    def killed(path, **options):
        raise SystemExit

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(SystemExit):
        store.rotate(1, None)
    monkeypatch.undo()
    assert store.steps() == [2]
    assert len(list(store.folder.iterdir())) == 2
    store.clean()
    assert [p.name for p in store.folder.iterdir()] == ["step-000000002"]


def test_leftovers_of_dead_writers_are_removed_and_of_living_ones_kept(store):
    save(store, 1)
    dead, living = store.folder / ".tmp-999999999-abc", store.folder / f".tmp-{os.getpid()}-abc"
    for folder in (dead, living):
        folder.mkdir()
        (folder / MODEL).write_bytes(b"half")
    store.clean()
    assert sorted(p.name for p in store.folder.iterdir()) == [living.name, "step-000000001"]


def test_cleaning_a_folder_that_is_not_there_does_nothing(store):
    store.clean()
    assert not store.folder.exists()
