"""Runs on many devices that others have published, and what the model says of them.

The model takes three things of each: what one device does, by another measurement; links at 80 % of what their standard
says, as NCCL reaches on NVLink (NVIDIA/nccl-tests issue 212); latencies of 5 us in a node and 10 us between. Nothing is
fitted to a run on many devices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from alexnet.nets.catalog import NETWORKS
from alexnet.scaling.machine import Link, Machine
from alexnet.scaling.schemes import SCHEMES, Scheme, Step, step_time
from alexnet.scaling.work import work_of

IMAGENET = 1_281_167
"""Images of ILSVRC-2012's training set."""
_EFFECTIVE = 0.8
_PCIE2, _PCIE3, _PCIE4, _NVLINK1 = 8e9, 16e9, 32e9, 80e9
_INFINIBAND_56, _GIGABIT_100 = 7e9, 12.5e9


@dataclass(frozen=True, kw_only=True)
class PublishedRun:
    """One run, and one device of its kind."""

    name: str
    devices: str
    ranks: int
    batch: int
    images_per_second: float
    """Published."""
    alone: float
    """Images a second of one device."""
    alone_source: str
    machine: Machine
    """Its `flops` are set so that one device reaches `alone`."""
    network: str = "alexnet_owt"
    scheme: Scheme = SCHEMES["data"]
    remark: str = ""

    @property
    def predicted(self) -> Step:
        """What the model says."""
        work = work_of(NETWORKS[self.network])
        machine = replace(self.machine, flops=self.alone * work.flops)
        return step_time(work, machine, self.scheme, self.ranks, self.batch)

    @property
    def ratio(self) -> float:
        """Predicted over published images a second: above 1, the model promises too much."""
        return self.predicted.images_per_second / self.images_per_second


def passes(count: int, seconds: float) -> float:
    """Return the images a second of so many passes over ImageNet."""
    return count * IMAGENET / seconds


def _machine(inside: float, between: float = _GIGABIT_100, **fields: Any) -> Machine:
    """Return a machine whose update is part of what one device was measured at."""
    return Machine(
        flops=1.0,
        update_bytes=0,
        node=Link(bandwidth=_EFFECTIVE * inside, latency=5e-6),
        network=Link(bandwidth=_EFFECTIVE * between, latency=10e-6),
        **{"activation_bytes": 4, "collective": "ring"} | fields,
    )


RUNS = (
    PublishedRun(
        name="One weird trick (arXiv 1404.5997, table 1)",
        devices="8 K20",
        ranks=8,
        batch=1024,
        images_per_second=passes(90, 15.68 * 3600),
        alone=passes(90, 98.05 * 3600),
        alone_source="same paper, 98.05 h",
        machine=_machine(_PCIE2),
        scheme=SCHEMES["hybrid-c"],
    ),
    PublishedRun(
        name="TensorFlow benchmarks, synthetic pictures",
        devices="8 K80",
        ranks=8,
        batch=8 * 512,
        images_per_second=4640,
        alone=656,
        alone_source="same page",
        machine=_machine(_PCIE3),
    ),
    PublishedRun(
        name="TensorFlow benchmarks, synthetic pictures",
        devices="8 P100",
        ranks=8,
        batch=8 * 512,
        images_per_second=17_822,
        alone=2987,
        alone_source="same page",
        machine=_machine(_NVLINK1),
    ),
    PublishedRun(
        name="tf_cnn_benchmarks (Lambda), synthetic pictures",
        devices="8 A100 PCIe",
        ranks=8,
        batch=8 * 3584,
        images_per_second=129_266,
        alone=16_487,
        alone_source="same table",
        machine=_machine(_PCIE4),
    ),
    PublishedRun(
        name="You et al., 100 passes in 24 min (arXiv 1709.05011)",
        devices="512 Xeon Phi",
        ranks=512,
        batch=32_768,
        images_per_second=passes(100, 24 * 60),
        alone=256 / 0.6,
        alone_source="0.6 s for 256 images (arXiv 1609.06870, table 1)",
        machine=_machine(_GIGABIT_100, ranks_per_node=1, overlap=False),
        remark="one processor a node, sums on its own cores",
    ),
    PublishedRun(
        name="You et al., 100 passes in 11 min (arXiv 1709.05011)",
        devices="1,024 Xeon 8160",
        ranks=1024,
        batch=32_768,
        images_per_second=passes(100, 11 * 60),
        alone=418,
        alone_source="another processor: Cooper Lake, batch 128 (pytorch/benchmark 1516)",
        machine=_machine(2 * _GIGABIT_100, ranks_per_node=2, overlap=False),
        remark="later reports say 2,048 processors",
    ),
    PublishedRun(
        name="Jia et al., 95 passes in under 4 min (arXiv 1807.11205)",
        devices="1,024 P40",
        ranks=1024,
        batch=65_536,
        images_per_second=passes(95, 4 * 60),
        alone=2987,
        alone_source="another device: P100, batch 512",
        machine=_machine(_PCIE3, gradient_bytes=2),
        remark="the time is a bound; 64 images a device, not 512",
    ),
    PublishedRun(
        name="Sun et al., 95 passes in 1.5 min (arXiv 1902.06855)",
        devices="512 V100",
        ranks=512,
        batch=65_536,
        images_per_second=passes(95, 90),
        alone=passes(95, 90) / 410.2,
        alone_source="same paper: speedup 410.2",
        machine=_machine(_PCIE3, _INFINIBAND_56, gradient_bytes=2),
        remark="sends the important gradients only, the model all; batch assumed",
    ),
)
