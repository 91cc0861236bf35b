"""What a folder's manifest notices, and which leftovers are removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet.core.errors import CheckpointError
from alexnet.core.files import (
    MANIFEST,
    TEMPORARY,
    commit_folder,
    process_runs,
    remove_leftovers,
    sha256,
    verify_folder,
)

# --- the manifest


@pytest.fixture
def folder(tmp_path) -> Path:
    with commit_folder(tmp_path / "run") as folder:
        (folder / "weights").write_bytes(b"0123456789")
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "log").write_bytes(b"abc")
        (folder / "empty").write_bytes(b"")
    return tmp_path / "run"


FILES = ("weights", "deep/er/log", "empty")


def test_the_manifest_lists_every_file_with_size_and_digest(folder):
    entries = json.loads((folder / MANIFEST).read_text())["files"]
    assert sorted(entries) == sorted(FILES)
    assert entries["weights"] == {"size": 10, "sha256": sha256(folder / "weights")}
    verify_folder(folder)


@pytest.mark.parametrize("name", FILES)
def test_any_changed_missing_or_added_byte_is_found(folder, name):
    file = folder / name
    content = file.read_bytes()
    wrong = [
        content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
        for at in range(len(content))
        for bit in range(8)
    ]
    for damaged in (*wrong, content[:-1], content + b"\0"):
        if damaged != content:
            file.write_bytes(damaged)
            with pytest.raises(CheckpointError, match=f"{name}: is damaged"):
                verify_folder(folder)
    file.unlink()
    with pytest.raises(CheckpointError, match=f"{name}: is missing"):
        verify_folder(folder)


def test_a_changed_byte_of_the_manifest_is_found_or_harmless(folder):
    manifest = folder / MANIFEST
    content = manifest.read_bytes()
    entries = json.loads(content)
    found = 0
    for at in range(len(content)):
        damaged = content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
        manifest.write_bytes(damaged)
        try:
            verify_folder(folder)
        except CheckpointError:
            found += 1
        else:
            assert json.loads(damaged) == entries
    assert found > 0.9 * len(content)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"files": []}', '{"files": {"weights": 3}}', "\udcff"]
)
def test_a_manifest_of_another_form_is_one_clear_line(folder, text):
    (folder / MANIFEST).write_text(text, errors="surrogateescape")
    with pytest.raises(CheckpointError, match="is not a complete folder"):
        verify_folder(folder)


def test_a_folder_without_a_manifest_is_not_complete(tmp_path):
    with pytest.raises(CheckpointError, match="is not a complete folder"):
        verify_folder(tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "", "a//b", "./weights", "deep/../weights"])
def test_a_manifest_cannot_point_outside_of_its_folder(folder, name):
    (folder.parent / "outside").write_bytes(b"x")
    (folder / MANIFEST).write_text(json.dumps({"files": {name: {"size": 1, "sha256": ""}}}))
    with pytest.raises(CheckpointError, match="not plain"):
        verify_folder(folder)


# --- leftovers


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    child.wait()
    return child.pid


def test_leftovers_of_ended_processes_are_removed_and_nothing_else(tmp_path, dead):
    gone = {f"{TEMPORARY}{dead}-file", f"{TEMPORARY}{dead}-folder", f"{TEMPORARY}x", f"{TEMPORARY}²-a"}
    gone |= {f"{TEMPORARY}{'9' * 30}-a", f"{TEMPORARY}-1-a"}
    kept = {f"{TEMPORARY}{os.getpid()}-mine", f"{TEMPORARY}1-of-the-first-process", "weights.bin", ".lock"}
    for name in gone | kept:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / f"{TEMPORARY}{dead}-folder").unlink()
    (tmp_path / f"{TEMPORARY}{dead}-folder" / "deep").mkdir(parents=True)
    assert {path.name for path in remove_leftovers(tmp_path)} == gone
    assert {path.name for path in tmp_path.iterdir()} == kept
    assert remove_leftovers(tmp_path / "absent") == []


def test_a_process_runs_until_it_ends(dead):
    assert process_runs(os.getpid()) and process_runs(1)
    assert not process_runs(dead) and not process_runs(10**30)
