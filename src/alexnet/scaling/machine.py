"""What a machine does in a second."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Link:
    """A connection, both directions at once."""

    bandwidth: float
    """Bytes a second in each direction: of one device inside a node, of a whole node between nodes."""
    latency: float = 0.0
    """Seconds before the first byte arrives."""

    def __post_init__(self) -> None:
        _check(self, positive=("bandwidth",), not_negative=("latency",))


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Devices in nodes, one process (rank) for each device, and how a step is taken on them."""

    flops: float
    """FLOP/s that one device keeps up: a network's convolutions and full layers over the time of all its layers."""
    node: Link
    """Between the devices of a node."""
    network: Link
    """Between nodes."""
    ranks_per_node: int = 8
    memory_bandwidth: float = math.inf
    """Bytes a second of one device's memory."""
    update_bytes: float = 26.0
    """Bytes that a step moves for each parameter whatever its batch: the update, and reading the weights."""
    overhead: float = 0.0
    """Seconds of a step that nothing else accounts for."""
    input_rate: float = math.inf
    """Images a second that a node's loader makes ready; without it, pictures are resident."""
    gradient_bytes: int = 4
    """Bytes of a gradient's value on the link."""
    activation_bytes: int = 2
    """Bytes of an activation on the link."""
    bucket_bytes: int = 8 << 20
    """Gradients travel in pieces of at least this size, as in parallel/sums.py."""
    collective: Literal["tree", "ring"] = "tree"
    """How many messages follow each other in a sum over n: 2 log2 n or 2 (n - 1). Bytes are the same."""
    overlap: bool = True
    """Whether gradients travel while the backward pass computes."""
    name: str = ""
    source: str = ""
    """Where the numbers are from."""

    def __post_init__(self) -> None:
        _check(
            self,
            positive=(
                "flops", "ranks_per_node", "memory_bandwidth", "input_rate", "gradient_bytes", "activation_bytes",
                "bucket_bytes",
            ),
            not_negative=("update_bytes", "overhead"),
        )  # fmt: skip


def _check(value: object, *, positive: tuple[str, ...], not_negative: tuple[str, ...]) -> None:
    for name in positive:
        if not getattr(value, name) > 0:
            raise ValueError(f"{name} must be positive, not {getattr(value, name)}")
    for name in not_negative:
        if not getattr(value, name) >= 0:
            raise ValueError(f"{name} must not be negative, not {getattr(value, name)}")
