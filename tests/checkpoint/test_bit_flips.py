"""Each bit of a checkpoint, turned over."""

import pytest
import torch

from alexnet.checkpoint.store import CheckpointStore
from alexnet.core.errors import CheckpointError
from alexnet.core.files import MANIFEST, verify_folder


def test_every_bit_flip_of_a_checkpoint_is_detected(tmp_path):
    """The manifest's own bits are turned in tests/core/test_folders.py."""
    tensors = {"w": torch.arange(6.0), "b": torch.ones(2, dtype=torch.bfloat16)}
    store = CheckpointStore(tmp_path / "checkpoints")
    path = store.save(7, model=tensors, velocity=tensors, state={"step": 7}, config={"a": [1, None]})
    flips = 0
    for file in sorted(one for one in path.iterdir() if one.name != MANIFEST):
        whole = file.read_bytes()
        for place in range(8 * len(whole)):
            turned = bytearray(whole)
            turned[place // 8] ^= 1 << place % 8
            file.write_bytes(turned)
            with pytest.raises(CheckpointError) as error:
                verify_folder(path)
            assert error.value.where == str(file)
            flips += 1
        file.write_bytes(whole)
    verify_folder(path)
    assert flips > 2000
