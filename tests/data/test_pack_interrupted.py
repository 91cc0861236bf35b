"""A packing that is killed, interrupted or out of space is finished to the same bytes."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from memory_source import (
    SuicidalSplit,
    files,
    inodes,
    interrupt,
    memory_source,
    random_pictures,
)
from pack_at_every_crash import SETTINGS as CRASH_SETTINGS
from pack_at_every_crash import SOURCE as CRASH_SOURCE
from pack_slowly import SETTINGS, slow_source

from alexnet.core.errors import DataError, StorageError
from alexnet.core.lock import FolderLock
from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.shard_maker import ShardMaker
from alexnet.data.pack.write import pack_source

HERE = Path(__file__).parent


posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def run_script(name, *arguments, **options):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, str(HERE / name), *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def test_pictures_that_the_source_could_not_deliver_are_asked_for_again(tmp_path):
    pictures = list(random_pictures(40))
    reference = pack_source(memory_source(pictures), tmp_path / "r", SETTINGS, workers=1)
    gone = [
        OSError(errno.EIO, "Input/output error") if i >= 20 else picture for i, picture in enumerate(pictures)
    ]
    with pytest.raises(
        DataError, match=r"12 unreadable \(train/00020\.png: cannot be read: Input/output error"
    ):
        pack_source(memory_source(gone), tmp_path / "p", SETTINGS, workers=1)
    seen = []
    folder = pack_source(memory_source(pictures), tmp_path / "p", SETTINGS, workers=1, progress=seen.append)
    assert (seen[0].shards, seen[0].quarantined) == (2, 0)
    assert files(folder) == files(reference)


def test_a_shard_that_cannot_be_read_back_is_a_failing_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(ShardMaker, "result", lambda *_: None)
    with pytest.raises(StorageError, match=r"what was written of train-00000\.shard cannot be read back"):
        pack_source(CRASH_SOURCE, tmp_path / "p", CRASH_SETTINGS, workers=1)


def test_a_second_packer_is_refused_while_the_first_one_works(tmp_path):
    (tmp_path / "p" / ".work").mkdir(parents=True)
    with FolderLock(tmp_path / "p" / ".work"), pytest.raises(StorageError, match=f"in use .*{os.getpid()}"):
        pack_source(CRASH_SOURCE, tmp_path / "p", CRASH_SETTINGS, workers=1)


def test_a_finished_shard_that_was_damaged_is_made_again(tmp_path):
    folder, reference = tmp_path / "p", pack_source(CRASH_SOURCE, tmp_path / "r", CRASH_SETTINGS, workers=1)
    for damage in (
        lambda: os.truncate(folder / "train-00000.shard", 4100),
        lambda: (folder / "train-00000.shard").unlink(),
        lambda: (folder / "train-00000.shard").write_bytes((reference / "train-00001.shard").read_bytes()),
        lambda: (folder / ".work" / "train-00000.done").write_bytes(b"0\n{}"),
        lambda: flip_last_bit(folder / ".work" / "train-00000.done"),
    ):
        with pytest.raises(KeyboardInterrupt):
            pack_source(
                CRASH_SOURCE,
                folder,
                CRASH_SETTINGS,
                workers=1,
                progress=lambda p: p.shards == 2 and interrupt(p),
            )
        damage()
        seen = []
        pack_source(CRASH_SOURCE, folder, CRASH_SETTINGS, workers=1, progress=seen.append)
        assert seen[0].shards == 1
        assert files(folder) == files(reference)
        for path in folder.iterdir():
            path.unlink()


def flip_last_bit(path):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@posix
@pytest.mark.parametrize(("workers", "item"), [(1, 0), (1, 21), (1, 39), (2, 20)])
def test_a_killed_packing_is_finished_to_the_same_bytes_without_repeating_shards(tmp_path, workers, item):
    folder, reference = tmp_path / "p", pack_source(slow_source(40), tmp_path / "r", SETTINGS, workers=1)
    with run_script("pack_slowly.py", folder, workers, item) as process:
        for line in process.stdout:
            if line == f"item {item}\n":
                break
        process.send_signal(signal.SIGKILL)
        process.stdout.read()  # ends when the last process of the pool has ended
    finished = {path.stem for path in folder.glob(".work/*.done")}
    assert workers > 1 or len(finished) == item // 8
    before = inodes(folder)
    pack_source(slow_source(40), folder, SETTINGS, workers=2)
    assert files(folder) == files(reference)
    assert {name: inodes(folder)[name] for name in before if Path(name).stem in finished} == {
        name: inode for name, inode in before.items() if Path(name).stem in finished
    }


@posix
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_ends_all_processes_quietly_and_keeps_finished_shards(tmp_path, workers):
    folder = tmp_path / "p"
    with run_script("pack_slowly.py", folder, workers, -1, start_new_session=True) as process:
        lines = (line for line in process.stdout if line == "item 100\n")
        assert next(lines)
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.read()
        assert process.stderr.read() == ""
        assert process.wait() == 130
    assert 0 < len(inodes(folder)) < 500
    assert list(folder.glob("**/.tmp-*")) == []


@posix
def test_every_crash_point_leaves_a_packing_that_can_be_finished(tmp_path):
    reference = pack_source(CRASH_SOURCE, tmp_path / "r", CRASH_SETTINGS, workers=1)
    with run_script("pack_at_every_crash.py", tmp_path / "p", reference) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert int(out) > 50


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_every_failing_storage_call_is_one_error_after_which_packing_goes_on(tmp_path, monkeypatch, code):
    reference = files(pack_source(CRASH_SOURCE, tmp_path / "r", CRASH_SETTINGS, workers=1))
    folder, number, failures = tmp_path / "p", 1, 0
    while True:
        with monkeypatch.context() as patched:
            calls = fail_at(patched, number, OSError(code, os.strerror(code)))
            try:
                pack_source(CRASH_SOURCE, folder, CRASH_SETTINGS, workers=1)
            except StorageError as error:
                failures += 1
                assert "\n" not in str(error)
                assert ("the disk is full" in str(error)) == (code == errno.ENOSPC)
                assert list(folder.glob("**/.tmp-*")) == []
        finished = {path.stem for path in folder.glob(".work/*.done")}
        before = inodes(folder)
        pack_source(CRASH_SOURCE, folder, CRASH_SETTINGS, workers=1)
        assert files(folder) == reference
        assert all(
            inodes(folder)[name] == inode for name, inode in before.items() if Path(name).stem in finished
        )
        if len(calls) < number:
            break
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        number += 1
    assert failures > 20


def fail_at(patched, number, error):
    """Make the n-th flush or rename fail; return the growing list of such calls."""
    calls = []

    def failing(call):
        def wrapper(*args, **kwargs):
            calls.append(call)
            if len(calls) == number:
                raise error
            return call(*args, **kwargs)

        return wrapper

    patched.setattr(os, "fsync", failing(lambda _: None))  # flushing would only cost time here
    patched.setattr(os, "replace", failing(os.replace))
    return calls


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mounted)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("SMALL DISK ABSENT: mounting a tmpfs needs Linux and root")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def test_a_disk_that_fills_up_keeps_finished_shards(small_disk, tmp_path):
    folder, reference = small_disk / "p", pack_source(slow_source(40), tmp_path / "r", SETTINGS, workers=1)

    def fill(progress):
        if progress.shards == 2:
            with (
                open(small_disk / "ballast", "wb", buffering=0) as stream,
                pytest.raises(OSError, match="No space"),
            ):
                while True:
                    stream.write(bytes(1024))

    with pytest.raises(StorageError, match=r"the disk is full; free some space|needs .* and the disk has"):
        pack_source(slow_source(40), folder, SETTINGS, workers=1, progress=fill)
    before = inodes(folder)
    assert len(before) == 2
    assert list(folder.glob("**/.tmp-*")) == []
    (small_disk / "ballast").unlink()
    pack_source(slow_source(40), folder, SETTINGS, workers=1)
    assert files(folder) == files(reference)
    assert before.items() <= inodes(folder).items()


def test_a_disk_that_is_too_small_is_refused_before_the_first_shard(small_disk):
    settings = PackSettings(size=None, shard_bytes=100_000)
    with pytest.raises(StorageError, match=r"needs 6\.0 MB and the disk has"):
        pack_source(memory_source(random_pictures(40, (128, 128, 3))), small_disk / "p", settings, workers=1)
    assert inodes(small_disk / "p") == {}


@posix
def test_a_killed_worker_is_one_clear_error(tmp_path):
    folder, pictures = tmp_path / "p", random_pictures(40)
    with pytest.raises(StorageError, match=r"a packing process was killed, .* run the same command again"):
        pack_source(memory_source(pictures, split=SuicidalSplit), folder, SETTINGS, workers=2)
    reference = pack_source(memory_source(pictures), tmp_path / "r", SETTINGS, workers=1)
    assert files(pack_source(memory_source(pictures), folder, SETTINGS, workers=1)) == files(reference)
