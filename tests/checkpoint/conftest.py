"""What the tests of checkpoints share."""

import pytest

from alexnet.checkpoint.store import CheckpointStore


@pytest.fixture
def store(tmp_path):
    """The checkpoints of a run that has none yet."""
    return CheckpointStore(tmp_path / "run" / "checkpoints")
