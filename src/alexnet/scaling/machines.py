"""Machines by name, and from a file of the user's own numbers."""

from __future__ import annotations

from pathlib import Path

from alexnet.config.load import build, read_toml
from alexnet.core.errors import RecipeError, UsageError
from alexnet.core.names import nearest
from alexnet.scaling.machine import Link, Machine

H200 = Machine(
    name="h200",
    flops=410e12,
    memory_bandwidth=4.3e12,
    update_bytes=26,
    overhead=0.15e-3,
    node=Link(bandwidth=370e9, latency=4e-6),
    network=Link(bandwidth=320e9, latency=10e-6),
    source=(
        "Device: this program's goals for one H200 (95,000 images/s at batch 1,024 and 70,000 at 128), not measured. "
        "NVLink 4: 370 of 450 GB/s (NVIDIA/nccl-tests issue 212). Network: eight 400 Gb/s adapters a node, 320 GB/s "
        "over 4 nodes (NVIDIA/nccl issue 1221). Latencies: 46 us for the smallest sum over 2 nodes (issue 1244)."
    ),
)
K20 = Machine(
    name="k20",
    flops=1.36e12,
    update_bytes=0,
    node=Link(bandwidth=6.4e9, latency=5e-6),
    network=Link(bandwidth=6.4e9, latency=5e-6),
    activation_bytes=4,
    collective="ring",
    source="98.05 h for 90 passes on one (arXiv 1404.5997, table 1); PCI Express 2.0 x 16 at 80 % of 8 GB/s.",
)
GTX580 = Machine(
    name="gtx580",
    flops=0.47e12,
    update_bytes=0,
    node=Link(bandwidth=6.4e9, latency=5e-6),
    network=Link(bandwidth=6.4e9, latency=5e-6),
    ranks_per_node=2,
    activation_bytes=4,
    collective="ring",
    source="5.5 days for 90 passes on two (NIPS 2012, section 5); PCI Express 2.0 x 16 at 80 % of 8 GB/s.",
)
MACHINES = {machine.name: machine for machine in (H200, K20, GTX580)}


def find_machine(name: str) -> Machine:
    """Return a machine by its name, or from a TOML file with the fields of `Machine`.

    Raises:
        UsageError: unknown name; gives the nearest one.
        RecipeError: the file cannot be read, or a key is unknown, missing or refused; names it.
    """
    path = Path(name)
    if path.suffix == ".toml":
        return _read(path)
    if name.lower() not in MACHINES:
        raise UsageError(
            f"there is no machine {name!r}",
            remedy=f"{nearest(name, MACHINES)} (or a .toml file of its numbers)",
        )
    return MACHINES[name.lower()]


def _read(path: Path) -> Machine:
    table = {"name": path.stem} | read_toml(path)
    try:
        return build(Machine, table)
    except RecipeError as error:
        remedy = "docs/scaling.md shows such a file" if error.what == "is missing" else error.remedy
        raise RecipeError(error.what, where=f"{path}: {error.where}", remedy=remedy) from None
