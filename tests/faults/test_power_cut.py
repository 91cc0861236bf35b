"""Power cuts on a real file system: a few, and a writer that does not wait for the disk."""

import pytest
from power_cut import Disk, cut_while_saving, possible


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "probe").mkdir()
    if why := possible(tmp_path / "probe"):
        pytest.skip(why)
    disk = Disk(tmp_path)
    yield disk
    disk.unmount()


def test_what_was_told_to_be_saved_is_there_after_a_cut(disk):
    saves = 0
    for seconds in (0.05, 0.15, 0.3):
        told, found = cut_while_saving(disk, seconds)
        assert found >= told
        saves = max(saves, told)
    assert saves > 0


def test_a_saver_that_does_not_wait_for_the_disk_is_caught(disk):
    assert any(found < told for told, found in (cut_while_saving(disk, 0.3, synced=False) for _ in range(4)))
