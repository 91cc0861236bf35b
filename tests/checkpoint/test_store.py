"""The checkpoints of a run: whole or absent, the newest good one found, the last and the best kept."""

import errno
import json
import os
import shutil

import pytest
import torch
from small_checkpoints import flip, save, tensors

from alexnet.checkpoint.store import (
    CONFIG,
    MODEL,
    STATE,
    VELOCITY,
    read_json,
    read_tensors,
)
from alexnet.core.errors import CheckpointError, StorageError
from alexnet.core.files import MANIFEST, verify_folder

FILES = {MODEL, VELOCITY, STATE, CONFIG, MANIFEST}


# --- saving


def test_what_is_saved_is_read_back(store):
    path = save(store, 12)
    assert path == store.path(12) == store.folder / "step-000000012"
    assert {p.name for p in path.iterdir()} == FILES
    for name, seed in ((MODEL, 12), (VELOCITY, 13)):
        found = read_tensors(path / name)
        assert found.keys() == tensors().keys()
        for key, tensor in tensors(seed).items():
            assert torch.equal(found[key], tensor) and found[key].dtype == tensor.dtype
    assert read_json(path / STATE) == {"step": 12}
    assert read_json(path / CONFIG) == {"名": [1, None]}
    verify_folder(path)


def test_saving_leaves_the_tensors_as_they_were(store):
    model = tensors()
    before = {name: (t.clone(), t.stride(), t.data_ptr()) for name, t in model.items()}
    save(store, 1, model=model)
    for name, (values, stride, address) in before.items():
        assert torch.equal(model[name], values) and model[name].stride() == stride
        assert model[name].data_ptr() == address


def test_parameters_with_gradients_can_be_saved(store):
    weight = torch.nn.Parameter(torch.ones(3))
    path = save(store, 1, model={"w": weight}, velocity={})
    assert torch.equal(read_tensors(path / MODEL)["w"], torch.ones(3))
    assert read_tensors(path / VELOCITY) == {}


def test_a_step_that_is_saved_already_stays_as_it_is(store):
    path = save(store, 5)
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    assert save(store, 5, state={"step": 99}) == path
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before


def test_a_failed_save_leaves_nothing_and_the_earlier_ones(store, monkeypatch):
    save(store, 1)

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(StorageError, match="the disk is full"):
        save(store, 2)
    assert [p.name for p in store.folder.iterdir()] == ["step-000000001"]
    verify_folder(store.path(1))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_folder_that_cannot_be_made_is_a_storage_error(store, number, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(StorageError) as caught:
        save(store, 1)
    assert str(store.folder) in str(caught.value)


def test_state_that_json_cannot_hold_leaves_no_checkpoint(store):
    with pytest.raises(TypeError):
        save(store, 1, state={"x": object()})
    assert store.steps() == [] and list(store.folder.iterdir()) == []


# --- finding the newest


def test_steps_are_listed_in_order_and_nothing_else(store):
    assert store.steps() == []
    for step in (20, 3, 100_000_000):
        save(store, step)
    (store.folder / "step-000000004.bad").mkdir()
    (store.folder / ".tmp-1-step-000000005").mkdir()
    (store.folder / "step-12").mkdir()
    (store.folder / "step-000000006").write_text("a file")
    assert store.steps() == [3, 20, 100_000_000]


def test_the_newest_is_found(store):
    assert store.latest() is None
    for step in (1, 30, 4):
        save(store, step)
    assert store.latest() == store.path(30)


def spoil(path, damage):
    match damage:
        case "flipped byte":
            flip(path / VELOCITY)
        case "cut file":
            (path / MODEL).write_bytes((path / MODEL).read_bytes()[:-1])
        case "longer file":
            (path / STATE).write_bytes((path / STATE).read_bytes() + b" ")
        case "missing file":
            (path / CONFIG).unlink()
        case "missing manifest":
            (path / MANIFEST).unlink()
        case "manifest that is no JSON":
            (path / MANIFEST).write_text("{")
        case "manifest of another shape":
            (path / MANIFEST).write_text('{"files": [1, 2]}')
        case "empty folder":
            shutil.rmtree(path)
            path.mkdir()


DAMAGES = [
    "flipped byte", "cut file", "longer file", "missing file", "missing manifest", "manifest that is no JSON",
    "manifest of another shape", "empty folder",
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_is_set_aside_and_the_one_before_is_used(store, damage):
    for step in (1, 2, 3):
        save(store, step)
    spoil(store.path(3), damage)
    said = []
    assert store.latest(said.append) == store.path(2)
    assert store.steps() == [1, 2]
    assert (store.folder / "step-000000003.bad").is_dir()
    assert len(said) == 1 and said[0].endswith("set aside as step-000000003.bad") and "\n" not in said[0]
    assert store.latest(said.append) == store.path(2) and len(said) == 1


def test_several_damaged_ones_are_passed_over(store):
    for step in (1, 2, 3):
        save(store, step)
    for step in (2, 3):
        flip(store.path(step) / MODEL)
    said = []
    assert store.latest(said.append) == store.path(1)
    assert len(said) == 2


def test_a_step_that_was_damaged_twice_is_set_aside_again(store):
    for _ in range(2):
        save(store, 1)
        save(store, 2)
        flip(store.path(2) / MODEL)
        assert store.latest() == store.path(1)
    assert sorted(p.name for p in store.folder.iterdir()) == ["step-000000001", "step-000000002.bad"]


def test_where_none_is_whole_the_user_is_told(store):
    save(store, 1)
    flip(store.path(1) / MODEL)
    with pytest.raises(CheckpointError) as caught:
        store.latest()
    assert str(caught.value) == f"{store.folder}: holds no whole checkpoint; start the run again"


# --- reading


def test_tensors_of_another_network_are_refused_naming_the_first(store):
    path = save(store, 1) / MODEL
    expected = tensors()
    assert read_tensors(path, expected).keys() == expected.keys()
    for changes, line in (
        ({"fc.bias": torch.zeros(7), "fc.weight": torch.zeros(1)}, "fc.bias is (5,), expected (7,)"),
        ({"new": torch.zeros(2)}, "new is missing, expected (2,)"),
        ({"count": torch.zeros(2)}, "count is (), expected (2,)"),
    ):
        with pytest.raises(CheckpointError) as caught:
            read_tensors(path, expected | changes)
        assert str(caught.value) == f"{path}: holds another network: {line}"
    del expected["count"], expected["fc.weight"]
    with pytest.raises(CheckpointError, match=r"count is \(\), expected nothing"):
        read_tensors(path, expected)


@pytest.mark.parametrize("content", [None, b"", b"nonsense that is no header", b"\xff" * 64])
def test_files_that_hold_no_tensors_are_refused(tmp_path, content):
    path = tmp_path / MODEL
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read") as caught:
        read_tensors(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[1]", "is not a JSON object"),
    ],
)
def test_files_that_hold_no_json_object_are_refused(tmp_path, content, what):
    path = tmp_path / STATE
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=what):
        read_json(path)


def test_the_manifest_lists_every_file_with_its_sum(store):
    entries = json.loads((save(store, 1) / MANIFEST).read_text())["files"]
    assert entries.keys() == FILES - {MANIFEST}
