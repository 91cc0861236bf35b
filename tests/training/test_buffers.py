"""Memory of batches comes back when nothing uses it any more, and not before."""

import gc
from concurrent.futures import ThreadPoolExecutor

import torch

from alexnet.training.buffers import Buffers


def test_memory_that_nobody_uses_is_used_again():
    buffers = Buffers(2)
    first = buffers.empty((4, 5), torch.float32)
    place = first.data_ptr()
    assert first.shape == (4, 5) and first.dtype == torch.float32 and first.is_contiguous()
    del first
    smaller = buffers.empty((3, 2), torch.bfloat16)
    assert smaller.data_ptr() == place and smaller.shape == (3, 2) and smaller.dtype == torch.bfloat16
    assert place % 64 == 0


def test_memory_is_kept_by_whatever_still_sees_it():
    buffers = Buffers(4)
    views = [buffers.empty((8, 3), torch.float32) for _ in range(3)]
    places = [v.data_ptr() for v in views]
    weight = torch.ones(3, requires_grad=True)
    held = [views[0][3:].T, views[1].numpy(), (views[2].fill_(2) * weight).sum()]
    del views
    gc.collect()
    assert buffers.empty((8, 3), torch.float32).data_ptr() not in places
    held[2].backward()
    assert weight.grad.tolist() == [16.0] * 3
    held.clear()
    gc.collect()
    again = [buffers.empty((8, 3), torch.float32) for _ in range(4)]
    assert set(places) < {b.data_ptr() for b in again}


def test_a_larger_tensor_gets_memory_of_its_own():
    buffers = Buffers(2)
    del (small := [buffers.empty((2,), torch.float32)])[0]
    assert not small
    buffers.empty((1000,), torch.float32).fill_(1)


def test_no_more_is_kept_than_asked():
    buffers = Buffers(2)
    many = [buffers.empty((8,), torch.float32) for _ in range(5)]
    many.clear()
    assert len(buffers._free) == 2


def test_threads_never_share_a_tensor():
    buffers = Buffers(3)

    def work(number):
        for turn in range(200):
            mine = buffers.empty((64,), torch.int64).fill_(1000 * number + turn)
            yields = torch.arange(64).sum()
            assert yields == 2016 and (mine == 1000 * number + turn).all()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
