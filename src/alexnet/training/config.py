"""How long and in what portions a run trains, and what it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

HybridScheme: TypeAlias = Literal["whole", "turns", "mixed"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The training loop."""

    epochs: int = 90
    """Passes over the training images."""
    batch_size: int = 128
    """Images per update."""
    micro_batch_size: int | None = None
    """Images per backward pass; by default the whole batch. Smaller needs less memory."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the layers; weights and updates are float32 in either."""
    step: Literal["plain", "graphed"] = "plain"
    """`graphed`: the whole step as one CUDA graph of this program's own kernels, for an NVIDIA GPU and Triton; with
    `micro_batch_size` steps stay plain. Tested in Triton's interpreter, never run on a device yet: hence not the
    default."""
    elastic_parts: int | None = None
    """Cut every batch into so many parts, a power of two, and add their gradients in a fixed order: the same bits for
    any number of processes up to that of parts, each on as many threads as `threads` says, by default 1. Slower, since
    parts are small."""
    parallel: Literal["data", "towers", "hybrid"] = "data"
    """What several processes share: `data`: the images of every batch. `towers`: the network, of which two processes
    hold a tower each, as the paper's two GPUs; of 2 x N, such pairs share the images. `hybrid`: the images of the
    convolutions and the units of the fully connected layers. One process computes the same alone."""
    hybrid_scheme: HybridScheme = "mixed"
    """How hybrid processes pass a batch through the fully connected layers: the `whole` one at once, each process's
    share in `turns`, or `mixed` parts to which each brings some of its share. With more passes than one, activities
    travel while others are computed."""
    hybrid_updates: Literal["once", "each"] = "once"
    """`each`: update the fully connected layers after each pass, with the mean gradient of its images, and not once a
    batch: smaller batches for them, another training."""
    channels_last: bool = True
    """Memory layout (N, H, W, C), the fast one for convolutions here."""
    workers: int = 1
    """Threads that prepare batches; any number gives the same run."""
    prefetch: int = 2
    """Batches prepared ahead; of more workers than these and one, the others have nothing to do."""
    log_every: int = 20
    """Steps between two lines of metrics."""
    threads: int = 0
    """Cores for the computation; 0: all."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "workers", "prefetch", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.micro_batch_size is not None and not 1 <= self.micro_batch_size <= self.batch_size:
            raise ValueError(f"micro_batch_size must be in 1 .. batch_size, not {self.micro_batch_size}")
        if self.hybrid_updates == "each" and self.hybrid_scheme == "whole":
            raise ValueError("hybrid_updates: the whole batch is one pass, choose another hybrid_scheme")
        self._check_elastic()

    def _check_elastic(self) -> None:
        parts = self.elastic_parts
        if parts is None:
            return
        if not 1 <= parts <= self.batch_size or parts & (parts - 1):
            raise ValueError(f"elastic_parts must be a power of two in 1 .. batch_size, not {parts}")
        if self.micro_batch_size is not None or self.step != "plain":
            raise ValueError("elastic_parts goes with no micro_batch_size and with plain steps only")
        if self.parallel != "data":
            raise ValueError(f'elastic_parts goes with parallel = "data", not "{self.parallel}"')


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """What is saved when."""

    every_minutes: float = 10.0
    """Longest time between two checkpoints."""
    every_steps: int | None = None
    """Steps between two checkpoints, counted from the start of the run; by default only time and epochs count."""
    every_epochs: int = 1
    """Epochs between two checkpoints; the last one is always saved."""
    keep: int = 2
    """Checkpoints kept besides the best one."""

    def __post_init__(self) -> None:
        if self.keep < 1 or self.every_epochs < 1 or self.every_minutes <= 0:
            raise ValueError("keep and every_epochs must be at least 1, every_minutes positive")
        if self.every_steps is not None and self.every_steps < 1:
            raise ValueError(f"every_steps must be at least 1, not {self.every_steps}")
