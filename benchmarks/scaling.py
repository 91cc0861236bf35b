"""Measures what several processes gain over one on the same cores, and what it costs: bytes, waiting, memory.

    python benchmarks/scaling.py [--jobs alexnet/128,...] [--layouts 1x2,2x1,...] [--save FILE]

A layout is processes x threads of each, and a letter: `e` elastic steps (`train.elastic_parts = 8`), `t` towers, `h`
hybrid. All layouts of a job share the same batch, stay in memory and take turns, A B C A B C ...; those who wait sleep.
Per layout: images/s (median of the rounds), its ratio to the first layout, what one process hands over in a step, what
it waits for the others there, the largest process, and seconds and size of a checkpoint. alexnet trains on two batches
of random views in turn, the CIFAR-10 nets on views that are made meanwhile, as `alexnet bench` has it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from alexnet.bench.machine import changed_checkout, describe_machine, usable_cores
from alexnet.bench.pixels import CIFAR_SIDE, SIDE

WAYS = {
    "e": {"elastic_parts": 8},
    "t": {"parallel": "towers"},
    "h": {"parallel": "hybrid"},
}
"""What a layout's letter sets under `train`."""

ASLEEP = 86400.0
"""Seconds for which a process may wait for its turn without being taken for one that hangs."""


class Layout:
    """The processes of one layout, which do what they are told line by line.

    Args:
        name: Processes x threads, then a letter of `WAYS` or none.
    """

    def __init__(self, name: str, job: str, folder: Path, device: str):
        self.name, self.rates, self.reports = name, [], []
        size, threads, _ = _read(name)
        port = _free_port()
        command = [sys.executable, __file__, "--worker", job, "--layouts", name, "--device", device]
        self.processes = []
        for rank in range(size):
            variables = os.environ | {"OMP_NUM_THREADS": str(threads)}
            if size > 1:
                place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
                variables |= {k: str(v) for k, v in place.items()}
                variables |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
            self.processes.append(
                subprocess.Popen(
                    [*command, "--folder", str(folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=variables,
                )
            )

    def ask(self, order: str) -> list[dict[str, Any]]:
        """Give all processes an order and return what each answers."""
        for process in self.processes:
            process.stdin.write(order + "\n")
            process.stdin.flush()
        answers = [process.stdout.readline() for process in self.processes]
        if not all(answers):
            sys.exit(f"a process of {self.name} has ended; its error is above")
        return [json.loads(answer) for answer in answers]

    def turn(self, steps: int) -> None:
        """Take steps and keep what they needed."""
        answers = self.ask(f"run {steps}")
        slowest = max(answers, key=lambda answer: answer["seconds"])
        self.rates.append(answers[0]["images"] / slowest["seconds"])
        self.reports += answers

    def close(self) -> None:
        """Let the processes end."""
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait(60)

    def to_json(self, saved: dict[str, Any]) -> dict[str, Any]:
        """Return what was measured as plain values."""
        steps = sum(r["steps"] for r in self.reports)
        return {
            "layout": self.name,
            "images_per_second": statistics.median(self.rates),
            "min": min(self.rates),
            "max": max(self.rates),
            "rounds": self.rates,
            "bytes_per_step": max(r["bytes"] for r in self.reports),
            "milliseconds_per_step": 1000 * sum(r["seconds"] for r in self.reports) / steps,
            "milliseconds_waited_per_step": 1000 * sum(r["waited"] for r in self.reports) / steps,
            "waited_share": sum(r["waited"] for r in self.reports) / sum(r["seconds"] for r in self.reports),
            "peak_memory_bytes": [r["peak_memory_bytes"] for r in self.reports[-len(self.processes) :]],
            "loss": self.reports[-1]["loss"],
            **saved,
        }


def measure(job: str, options: argparse.Namespace) -> dict[str, Any]:
    """Let the layouts of a job take turns and return what each reached."""
    net, batch = job.split("/")
    with tempfile.TemporaryDirectory(prefix="alexnet-scaling-") as name, ExitStack() as stack:
        folder = Path(name)
        side, classes = (CIFAR_SIDE, 10) if net.startswith("cifar") else (SIDE, 1000)
        count = options.pictures if net.startswith("cifar") else 2 * int(batch)
        packing = f"pack_random(Path({str(folder / 'pack')!r}), {count}, {side}, {classes})"
        imports = "from pathlib import Path; from alexnet.bench.random_source import pack_random; "
        subprocess.run([sys.executable, "-c", imports + packing], check=True)
        layouts = []
        for layout in options.layouts.split(","):
            layouts.append(Layout(layout, job, folder, options.device))
            stack.callback(layouts[-1].close)
            layouts[-1].ask("run 2")
        steps = {}
        for layout in layouts:
            seconds = max(answer["seconds"] for answer in layout.ask("run 2")) / 2
            steps[layout] = max(1, round(options.seconds_per_round / seconds))
        for _ in range(options.rounds):
            for layout in layouts:
                layout.turn(steps[layout])
        found = [layout.to_json(layout.ask("save")[0]) for layout in layouts]
        environment = layouts[0].ask("describe")[0]
    for line in found:
        line["ratio"] = line["images_per_second"] / found[0]["images_per_second"]
        by_round = [a / b for a, b in zip(line["rounds"], found[0]["rounds"], strict=True)]
        line["ratio_min"], line["ratio_max"] = min(by_round), max(by_round)
        print(
            f"{job:20} {line['layout']:5} {line['images_per_second']:8.1f} images/s  {line['ratio']:.2f} x "
            f"({line['ratio_min']:.2f} .. {line['ratio_max']:.2f})  {line['bytes_per_step'] / 1e6:7.1f} MB/step  "
            f"waits {line['milliseconds_waited_per_step']:.0f} ms ({100 * line['waited_share']:.0f} %)  "
            f"{max(line['peak_memory_bytes']) / 1e6:.0f} MB  checkpoint {line['checkpoint_bytes'] / 1e6:.0f} MB in "
            f"{line['checkpoint_seconds']:.2f} s"
        )
    return {
        "name": f"scaling/{net}/bf16/{batch}",
        "device": options.device,
        "environment": environment,
        "layouts": found,
    }


def work(job: str, layout: str, folder: Path, device: str) -> None:
    """Be one process of a layout: read orders from stdin, answer in lines of JSON."""
    from alexnet.core.allocator import keep_freed_memory

    keep_freed_memory()
    from alexnet.parallel.ranks import joined

    parts = _parts(job, layout, folder, device)
    with joined(parts.ranks, silence=ASLEEP) as ranks:
        parts.learner.net.train()
        stepper, batches, step = parts.learner.stepper(), _batches(parts, job), 0
        for order in sys.stdin:
            verb, _, number = order.strip().partition(" ")
            answer: dict[str, Any] = {}
            if verb == "run":
                ranks.wait()
                start, waited = time.perf_counter(), ranks.waited.seconds
                for _ in range(int(number)):
                    batch = next(batches)
                    result = stepper.begin(stepper.bring(batch), step).result()
                    step += 1
                answer = {
                    "seconds": time.perf_counter() - start,
                    "waited": ranks.waited.seconds - waited,
                    "steps": int(number),
                    "images": int(number) * batch.total,
                    "bytes": stepper.traffic.bytes if hasattr(stepper, "traffic") else 0,
                    "loss": result.loss,
                    "peak_memory_bytes": _peak_memory(),
                }
            elif verb == "save":
                answer = _saved(parts, folder / f"checkpoints-{layout}")
            elif verb == "describe":
                from alexnet.runs import environment

                answer = environment.describe(parts.learner.device) | {
                    "changed_since_commit": changed_checkout()
                }
            print(json.dumps(answer), flush=True)


def _parts(job: str, layout: str, folder: Path, device: str) -> Any:
    from alexnet.data.pack.read import Pack
    from alexnet.parallel.ranks import Ranks
    from alexnet.parallel.world import from_environment
    from alexnet.runs.assemble import assemble
    from alexnet.runs.devices import choose_device
    from alexnet.runs.recipe import load_recipe

    net, batch = job.split("/")
    world = from_environment()
    _, threads, way = _read(layout)
    changes = {
        "train": {"precision": "bfloat16", "batch_size": int(batch), "threads": threads} | way,
        "data": {"select_on": "none", "holdout": 0},
        "optim": {"lr": 0.0001},  # random labels teach nothing: small steps stay finite
    }
    if net == "alexnet":
        changes["model"] = {"name": net, "init": "quick"}
    recipe = load_recipe(net.replace("_", "-"), changes)
    place = choose_device(device, threads, world)
    return assemble(recipe, Pack.open(folder / "pack"), place, ranks=Ranks(world, place))


def _batches(parts: Any, job: str) -> Iterator[Any]:
    whole = parts.recipe.train.batch_size
    if job.startswith("alexnet"):
        kept = [batch for batch in parts.feed.batches(0) if batch.total == whole]
        while True:
            yield from kept
    epoch = 0
    while True:
        yield from (batch for batch in parts.feed.batches(epoch) if batch.total == whole)
        epoch += 1


def _saved(parts: Any, folder: Path) -> dict[str, Any]:
    from alexnet.checkpoint.store import CheckpointStore
    from alexnet.runs.tensors import gathered

    start = time.perf_counter()
    whole = gathered(parts.learner, parts.layout)
    if whole is None:
        return {}
    path = CheckpointStore(folder).save(1, model=whole.model, velocity=whole.velocity, state={}, config={})
    seconds = time.perf_counter() - start
    return {"checkpoint_seconds": seconds, "checkpoint_bytes": sum(f.stat().st_size for f in path.iterdir())}


def _read(layout: str) -> tuple[int, int, dict[str, Any]]:
    """Return a layout's processes, the threads of each, and what its letter sets."""
    letter = layout[-1] if layout[-1] in WAYS else ""
    size, _, threads = layout.removesuffix(letter).partition("x")
    return int(size), int(threads), WAYS.get(letter, {})


def _peak_memory() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main() -> None:
    """Measure all jobs, or be one of their processes."""
    cores = usable_cores()
    half = max(1, cores // 2)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--jobs", default="alexnet/128,alexnet/64,cifar10_18pct/128", help="network/images per step"
    )
    parser.add_argument("--layouts", default=f"1x{cores},2x{half},2x{half}e,2x{half}t,2x{half}h,1x{half}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds-per-round", type=float, default=3.0)
    parser.add_argument("--pictures", type=int, default=50_000, help="in the CIFAR-10 nets' training set")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options.worker, options.layouts, options.folder, options.device)
    report = {
        "format": 1,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "rounds": options.rounds,
        "seconds_per_round": options.seconds_per_round,
    }
    results = [measure(job, options) for job in options.jobs.split(",")]
    environment = [result.pop("environment") for result in results][-1]
    if options.save:
        options.save.write_text(
            json.dumps(report | {"environment": environment, "results": results}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
