"""Times sums between processes on this machine, and data-parallel steps of one, two and four processes.

    python benchmarks/links.py [--save FILE] [--rounds 5] [--small]

Each process has one thread. A round starts one process, then two, then four, and measures in each of these teams: sums
of 4 KB to 256 MB over gloo; steps that every process takes for itself, all at the same time; the same steps with their
gradients added. A round gives the fastest of its repeats, as the slowest process saw it; results are medians over the
rounds. docs/scaling.md compares them with the model of `alexnet.scaling`. `--small` is a quick look that it runs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import torch
import torch.distributed as dist

from alexnet.bench.machine import changed_checkout, describe_machine
from alexnet.core.allocator import keep_freed_memory
from alexnet.core.files import commit_json
from alexnet.core.keys import Key
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.create import create_model
from alexnet.optim.config import OptimConfig
from alexnet.optim.groups import build_optimizer
from alexnet.parallel.ranks import Ranks, joined
from alexnet.parallel.world import World
from alexnet.runs.environment import describe
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Batch
from alexnet.training.parallel_step import ParallelStepper
from alexnet.training.step import train_step

TEAMS = (1, 2, 4)
SIZES = tuple(4096 * 4**power for power in range(9))
STEPS = (("cifar10_19pct", 128), ("alexnet", 32))
"""Networks, and images of all processes together."""


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="one round, small sums and one small network")
    options = parser.parse_args()
    machine, begun = describe_machine(), datetime.now(UTC)
    found: list[dict[str, float]] = []
    for number in range(1 if options.small else options.rounds):
        found.append({name: value for size in TEAMS for name, value in team(size, options.small).items()})
        print(f"round {number + 1} done", file=sys.stderr, flush=True)
    result = {
        "format": 1,
        "date": begun.isoformat(timespec="seconds"),
        "machine": machine,
        "environment": describe(torch.device("cpu"))
        | {"threads": 1, "changed_since_commit": changed_checkout()},
        "rounds": len(found),
        "seconds": {name: summary([one[name] for one in found]) for name in found[0]},
    }

    print(json.dumps(result, indent=2))
    if options.save:
        commit_json(options.save, result)


def summary(values: list[float]) -> dict[str, float]:
    """Return median, least and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def team(size: int, small: bool) -> dict[str, float]:
    """Start so many processes and return what the slowest of them measured: seconds by name."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Each job waits for the others, so that every process has one.
    with ProcessPoolExecutor(size, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(work, rank, size, port, small) for rank in range(size)]
        measured = [job.result() for job in jobs]
    return {name: max(one[name] for one in measured) for name in measured[0]}


def work(rank: int, size: int, port: int, small: bool) -> dict[str, float]:
    """Measure as one process of a team."""
    place = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()}
    torch.set_num_threads(1)
    keep_freed_memory()
    with joined(Ranks(World(rank, size, rank, size))) as ranks:
        found = {}
        for values in SIZES[: 4 if small else None] if size > 1 else ():
            found[f"sum/{size}/{values}"] = timed(sum_of(values), ranks, small)
        for network, batch in STEPS[: 1 if small else None]:
            found |= steps(network, batch, ranks, small)
        return found


def sum_of(values: int) -> Callable[[], object]:
    """Return what adds so many bytes over the processes."""
    tensor = torch.zeros(values // 4)
    return lambda: dist.all_reduce(tensor)


def steps(network: str, batch: int, ranks: Ranks, small: bool) -> dict[str, float]:
    """Time the shares of a batch, without and with sums; alone, a half and a quarter of the batch too."""
    size, found = ranks.world.size, {}
    for part in TEAMS if size == 1 else (size,):
        share = batch // part
        found[f"steps/{network}/{size}/{share}"] = timed(stepper(network, share, batch, None), ranks, small)
    if size > 1:
        found[f"shared/{network}/{size}/{batch}"] = timed(stepper(network, share, batch, ranks), ranks, small)
    return found


def stepper(network: str, share: int, batch: int, ranks: Ranks | None) -> Callable[[], object]:
    """Return what takes a step on random pixels; gradients are added where there are ranks."""
    spec, key = NETWORKS[network], Key.from_seed(0)
    net = create_model(network, seed=0).to(memory_format=torch.channels_last).train()
    optimizer = build_optimizer(net, OptimConfig(lr=1e-6, bias_lr=1e-6))
    config = TrainConfig(batch_size=batch)
    images = torch.rand(share, *spec.input_shape).to(memory_format=torch.channels_last)
    labels = torch.arange(share) % spec.num_classes
    part = Batch(images, labels, labels.numpy(), batch)
    if ranks is None:
        return lambda: train_step(net, optimizer, part, config, key=key, step=0)
    shared = ParallelStepper(net, optimizer, config, key, ranks)
    return lambda: shared.begin(part, 0)


def timed(job: Callable[[], object], ranks: Ranks, small: bool) -> float:
    """Return the least seconds of a job that all processes begin together, of repeats for about two seconds."""
    job()
    first = ranks.gather(torch.tensor([seconds_of(job, ranks)])).max().item()
    count = 3 if small else min(max(round(2 / first), 5), 200)
    return min(seconds_of(job, ranks) for _ in range(count))


def seconds_of(job: Callable[[], object], ranks: Ranks) -> float:
    """Time a job once."""
    ranks.wait()
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
