"""Runs a function in several processes that have joined each other, as torchrun would start them."""

import multiprocessing
import os
import socket
import traceback

import torch

from alexnet.parallel.ranks import Ranks, joined
from alexnet.parallel.world import World

_PATIENCE = 120


def in_ranks(size, function, *arguments, silence=60):
    """Return [function(ranks, *arguments) of rank 0, 1, ...]; an exception of any rank is raised here."""
    context = multiprocessing.get_context("spawn")
    port, results = free_port(), context.Queue()
    processes = [
        context.Process(target=_work, args=(rank, size, port, silence, results, function, arguments))
        for rank in range(size)
    ]
    for process in processes:
        process.start()
    try:
        found = dict(results.get(timeout=_PATIENCE) for _ in processes)
    finally:
        for process in processes:
            process.join(10)
            process.kill()
    if errors := [f"rank {rank}:\n{error}" for rank, (_, error) in sorted(found.items()) if error]:
        raise AssertionError("\n".join(errors))
    return [found[rank][0] for rank in range(size)]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _work(rank, size, port, silence, results, function, arguments):
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    try:
        with joined(Ranks(World(rank, size, rank, size)), silence=silence) as ranks:
            results.put((rank, (function(ranks, *arguments), None)))
    except BaseException:
        results.put((rank, (None, traceback.format_exc())))
