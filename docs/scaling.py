"""Writes docs/scaling.md from src/alexnet/scaling and a saved measurement: `python docs/scaling.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from alexnet.core.words import duration, percent, short
from alexnet.nets.catalog import NETWORKS
from alexnet.scaling.forecast import Forecast, forecasts, largest_useful
from alexnet.scaling.machine import Machine
from alexnet.scaling.machines import GTX580, H200
from alexnet.scaling.measured import beside, compare_step, compare_sum
from alexnet.scaling.published import IMAGENET, RUNS
from alexnet.scaling.schemes import SCHEMES, refusal, step_time, tower_exchanges
from alexnet.scaling.work import work_of

PAGE = Path(__file__).with_suffix(".md")
MEASURED = PAGE.parents[1] / "benchmarks" / "results" / "2026-11-23-xeon-amx-2-cores-links.json"
ALEXNET = work_of(NETWORKS["alexnet"])
RANKS = (1, 2, 4, 8, 16, 32, 64)
OUTLOOK = (128, 256, 512, 1024)
BATCHES = (128, 1024, 8192, 32_768)
"""The paper's, one that fills a device, and those of LARS: 8K (arXiv 1708.03888) and 32K (1709.05011)."""
_STREAMED = 256 * 256 * 3
_SUMS = (64 << 10, 1 << 20, 4 << 20, 16 << 20, 256 << 20)
_SHARED = (("cifar10_19pct", 128), ("alexnet", 32))


def page() -> str:
    """Return docs/scaling.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield from _table(("way", "each rank has", "exposed besides"), _WAYS, texts={0, 1, 2})
    for words, rows in ((_WHICH, _best()), (_PARTS, _parts()), (_STOPS, _stops())):
        yield words
        yield from rows
    yield _WINNERS
    yield _pair()
    yield _PUBLISHED
    yield from _published()
    yield from _here()
    yield _MISSING


_HEAD = """\
# How far this scales

Written by `python docs/scaling.py` from `src/alexnet/scaling` and a file in `benchmarks/results/`; a test
compares this page with them. A model, made before there is such a machine: **no number of the first three
tables has been measured.** For your own numbers:

```sh
alexnet plan alexnet --ranks 1,2,4,8 --batch-size 1024 --machine mine.toml
```

```toml
# mine.toml; src/alexnet/scaling/machine.py has all fields
flops = 100e12            # kept up in training: images/s of one device x 4.14e9 for `alexnet`
memory_bandwidth = 2e12
ranks_per_node = 4
input_rate = 20_000       # images/s that a node's loader makes ready; leave out where pictures are resident
node = { bandwidth = 20e9, latency = 5e-6 }       # bytes/s of one device in each direction, seconds
network = { bandwidth = 10e9, latency = 10e-6 }   # bytes/s of a whole node
```

## The model

A step takes compute + update + link + input, each as far as nothing before it hides it; what is counted
follows from the network's rows.

- **compute**: FLOPs of the largest share (forward, twice that back, no input gradient in the first layer)
  over the rate that one device keeps up, plus what every step costs.
- **update**: bytes a step moves for each parameter on this device over the bandwidth of its memory, whatever
  the batch.
- **link**: a sum over n ranks moves 2 (n - 1) / n of its bytes through each of them, in a ring or in halves,
  after 2 (n - 1) or 2 log2 n messages; over nodes, it is added up inside each node first. Gradients leave in
  pieces of 8 MB, from the last layer to the first, as soon as the backward pass has computed them; what still
  travels when it ends is exposed.
- **input**: waiting for a node's loader, if that is slower than all the rest.
"""

_WAYS = (
    ("`data`", "all weights, its share of the batch", "nothing"),
    (
        "`towers` x data",
        "half of every layer; pairs are copies",
        f"{sum(tower_exchanges(ALEXNET)) // 2:,} values of an image in each direction: what conv3, fc6, fc7 and "
        "fc8 read, its gradients, the scores",
    ),
    (
        "`hybrid` x data",
        "convolutions: all, its share of the batch; full layers: its share of the units, everybody's images; "
        "nodes are copies",
        "what full layers read and write: `a` at once, `b` rank by rank, `c` in turns of a share of everybody's; "
        "`b` and `c` hide the inputs of all turns but the first and last behind full layers",
    ),
)

_WHICH = f"""
Towers: NIPS 2012, section 3.2. Hybrid: arXiv 1404.5997, section 4. `hybrid` stands for the best of its three
orders. Efficiency is the speedup over one device *with the same batch*, for each device; a way **stops
scaling** below 50 %.

## Which way at which size

Nodes of eight H200. {H200.source}
Gradients are four bytes a value, as this program sends them. The rates rest on graphed steps, which this
program takes on one GPU only so far.

The fastest way, its images a second and efficiency; bold: it still scales. From 128 devices on, an outlook:
"""

_PARTS = """
Parts of the fastest step at batch 8,192, and what 90 passes over ImageNet would take. Read: what each node
would have to read if its pictures were not resident, at 196,608 bytes each.
"""

_STOPS = """
The most devices that each way still uses by half, of those in the table (0: not even one can). In
parentheses: with gradients of two bytes a value.
"""

_WINNERS = """
So: up to batch 1,024 one node, whatever the way. `data` is within 2 % of the fastest where a device has 512
images or more; where it has 128, `towers` and `hybrid` are up to 1.5 times as fast, because they add fewer
gradients and keep fewer weights. Beyond a node, 244 MB of gradients a step rule, and a larger batch is what
helps: hence LARS. Gradients of two bytes buy up to twice as many devices. At 1,024 devices every way is below
half, with any of these batches.

## Checked against 2012
"""

_PUBLISHED = """
## Checked against published runs

One device's rate is taken from a measurement of one device (column *from*), links are 80 % of their
standard's rate (as NCCL reaches on NVLink), latencies 5 us in a node and 10 us between, sums run in rings.
These are assumptions, equal for all; **nothing is fitted to a run on many devices.** Above 1, the model
promises too much.
"""

_HERE = """
## Checked against this program

`benchmarks/links.py` on {cores} cores of {cpu}: a thread for each
process, gloo, float32, {rounds} rounds. **The cores were shared with other work throughout** (load {load:.1f} at the
start), so the fastest round counts and medians stand beside it: single ratios are worth little. A link is set
by its smallest sum and that of 64 MB; the sizes between and beyond are predictions.
"""

_STEPS = """
Sums that fit into caches are faster than the model has them. Steps: rate and fixed cost of one process are
fitted to three batches of its own; what several do together is predicted from that, from the sums, and from
the number of cores. Nothing is taken as hidden, since sums need the cores that they run beside. *Beside*: the
same shares computed at the same time without sums, which shows what neighbors cost each other; the model knows
nothing of it, nor of processes that wait for one that has lost its core. The ratio is of speeds, as above.
"""

_MISSING = """
## What the model lacks

Ranks that wait for the slowest, devices that share a bus, kernels that slow down on small shares (all of
which make real runs slower than here: the ratios above 1), compressed gradients (faster: the ratio below 1),
local response normalization and pooling as terms of their own (they are in the rate of one device), memory,
validation and checkpoints, and whether a batch of this size still learns. Towers' and hybrid's exchanges are
taken as exposed in full except where said."""


def _best() -> Iterator[str]:
    rows = []
    for ranks in (*RANKS, *OUTLOOK):
        cells = [_cell(_fastest(ranks, batch)) for batch in BATCHES]
        rows.append([f"{ranks:,}", *cells])
    yield from _table(["devices", *(f"batch {batch:,}" for batch in BATCHES)], rows)


def _fastest(ranks: int, batch: int) -> Forecast | None:
    found = forecasts(ALEXNET, H200, ranks, batch) if batch >= ranks else []
    return found[0] if found else None


def _cell(one: Forecast | None) -> str:
    if one is None:
        return "-"
    text = f"{one.scheme.name} {_rate(one.step.images_per_second)} ({math.floor(100 * one.efficiency)} %)"
    return f"**{text}**" if one.scales else text


def _rate(images: float) -> str:
    return f"{images / 1e6:.2f} M/s" if images >= 1e6 else f"{images / 1e3:.0f} k/s"


def _parts() -> Iterator[str]:
    rows = []
    for ranks in (*RANKS, *OUTLOOK):
        one = _fastest(ranks, 8192)
        parts = (f"{1000 * getattr(one.step, name):.2f}" for name in ("compute", "update", "link"))
        rate = one.step.images_per_second
        nodes = math.ceil(ranks / H200.ranks_per_node)
        times = duration(90 * IMAGENET / rate), f"{rate / nodes * _STREAMED / 1e9:.0f} GB/s"
        rows.append([f"{ranks:,}", one.scheme.name, *parts, *times])
    headers = ("devices", "way", "compute ms", "update ms", "link ms", "90 passes", "read")
    yield from _table(headers, rows, texts={0, 1})


def _stops() -> Iterator[str]:
    half = replace(H200, gradient_bytes=2)
    rows = [
        [kind, *(f"{_useful(kind, batch, H200)} ({_useful(kind, batch, half)})" for batch in BATCHES)]
        for kind in ("data", "towers", "hybrid")
    ]
    yield from _table(["way", *(f"batch {batch:,}" for batch in BATCHES)], rows)


def _useful(kind: str, batch: int, machine: Machine) -> int:
    schemes = [scheme for scheme in SCHEMES.values() if scheme.kind == kind]
    counts = [
        n for n in (*RANKS, *OUTLOOK) if n <= batch and any(not refusal(ALEXNET, s, n, batch) for s in schemes)
    ]
    return largest_useful([forecasts(ALEXNET, machine, ranks, batch, schemes)[0] for ranks in counts])


def _pair() -> str:
    pair = step_time(work_of(NETWORKS["alexnet_145"]), GTX580, SCHEMES["towers"], 2, 128)
    half = step_time(work_of(NETWORKS["alexnet_145_half"]), GTX580, SCHEMES["data"], 1, 128)
    sent = sum(tower_exchanges(ALEXNET)) / 2 * 128 * 4
    return (
        "Section 3.2: the two-GPU net takes slightly less time to train than the one-GPU net with half the\n"
        "kernels. Two GTX 580 (rate from 5.5 days for 90 passes; PCI Express 2.0): "
        f"{1000 * pair.seconds:.0f} ms a step, of which\n{1000 * pair.link:.0f} ms for the {sent / 1e6:.0f} MB "
        f"that each sends; the half net on one takes {1000 * half.seconds:.0f} ms. The pair needs\n"
        f"{percent(pair.seconds / half.seconds)} of its time."
    )


def _published() -> Iterator[str]:
    rows = []
    for run in RUNS:
        rates = (run.images_per_second, run.predicted.images_per_second)
        names = run.name, run.devices, f"{run.batch:,}", run.scheme.kind
        found = *(f"{rate:,.0f}" for rate in rates), f"{run.ratio:.2f}"
        rows.append([*names, *found, f"{run.alone:,.0f}: {run.alone_source}", run.remark])
    headers = ["run", "devices", "batch", "way", "images/s", "predicted", "ratio", "one device, from", "remark"]
    yield from _table(headers, rows, texts={0, 1, 3, 7, 8})
    factors = [max(run.ratio, 1 / run.ratio) for run in RUNS]
    mean = math.exp(sum(map(math.log, factors)) / len(factors))
    yield f"\nThe model is off by a factor of {mean:.2f} in the geometric mean and of {max(factors):.1f} at worst."


def _here() -> Iterator[str]:
    result = json.loads(MEASURED.read_text(encoding="utf-8"))
    machine = result["machine"]
    yield _HERE.format(**machine, load=machine["load_average"][0], rounds=result["rounds"])
    rows = []
    for size in _SUMS:
        found = [compare_sum(result, processes, size) for processes in (2, 4)]
        times = [short(1000 * seconds) for one in found for seconds in (one.measured, one.predicted)]
        rows.append([f"{size >> 20} MB" if size >> 20 else f"{size >> 10} KB", *times])
    yield from _table(["sum", *(f"{n} processes, {w}" for n in (2, 4) for w in ("ms", "predicted"))], rows)
    yield _STEPS
    rows = []
    for (network, batch), processes in product(_SHARED, (2, 4)):
        one = compare_step(result, network, processes, batch)
        middle = result["seconds"][f"shared/{network}/{processes}/{batch}"]["median"]
        seconds = one.measured, middle, beside(result, network, processes, batch), one.predicted
        times = (f"{1000 * value:,.0f}" for value in seconds)
        rows.append([network, str(batch), str(processes), *times, f"{one.ratio:.2f}"])
    headers = [
        "network",
        "batch",
        "processes",
        "ms",
        "median",
        "beside",
        "predicted",
        "ratio",
    ]
    yield from _table(headers, rows)


def _table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], texts: Container[int] = (0,)
) -> Iterator[str]:
    """Yield a Markdown table; columns that are not in `texts` hold numbers."""
    rules = ["---" if i in texts else "---:" for i in range(len(headers))]
    for cells in (headers, rules, *rows):
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
