"""Checkpoints of a network that is none: a few tensors of awkward types and layouts."""

import torch


def tensors(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        "conv1.weight": torch.randn(4, 3, 2, 2, generator=generator).contiguous(
            memory_format=torch.channels_last
        ),
        "fc.weight": torch.randn(6, 5, generator=generator).T,
        "fc.bias": torch.randn(5, generator=generator).bfloat16(),
        "count": torch.tensor(3),
    }


def save(store, step, **changes):
    parts = {
        "model": tensors(step),
        "velocity": tensors(step + 1),
        "state": {"step": step},
        "config": {"名": [1, None]},
    }
    return store.save(step, **parts | changes)


def flip(path, place=-1):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
