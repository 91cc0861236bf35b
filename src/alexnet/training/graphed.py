"""Steps as one CUDA graph: from pictures on the device to updated weights without a word from the host.

What changes from step to step lies in tensors that the graph reads: the batch's numbers and pictures, the rates, and
a switch that holds the weights from the first loss that is not finite on. The host copies them, starts the graph and
reads loss and errors of the step before while this one runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.gpu.graph import GraphedStep
from alexnet.gpu.numbers import Numbers, size
from alexnet.gpu.resident import Resident
from alexnet.gpu.sgd import OnePassSGD
from alexnet.gpu.view import resident_views
from alexnet.optim.sgd import SGD
from alexnet.parallel.traffic import Traffic
from alexnet.training.drawn_feed import DrawnBatch
from alexnet.training.step import StepResult, count_errors


class Forward(Protocol):
    """A network's forward pass, as `nets/gpu_forward.py` gives it."""

    dtype: torch.dtype
    working: Mapping[Tensor, Tensor]
    captures: bool

    def input_blocks(self, side: int) -> tuple[int, int, int] | None:
        """Return how the first layer reads pictures."""
        ...

    def __call__(self, x: Tensor, step: Tensor, samples: Tensor, *, in_blocks: bool) -> Tensor:
        """Return the logits."""
        ...


@dataclass(frozen=True)
class Input:
    """How the network's input is made of a batch on the device."""

    shape: tuple[int, int, int]
    """(H, W, C) of a stored picture."""
    mean: Tensor
    """float32 (crop, crop, C): what views subtract."""
    border: int = 0
    """Black pixels on every side of a picture."""
    resident: Resident | None = None
    """Where pictures do not come with their batch."""

    def make(self, numbers: Numbers, came: Mapping[str, Tensor], forward: Forward) -> tuple[Tensor, bool]:
        """Return the network's input and whether it is in blocks."""
        if "views" in came:
            return came["views"], False
        pictures = self.resident
        if pictures is None:
            pictures = Resident(came["pictures"], self.shape, False)
        blocks = forward.input_blocks(len(self.mean))
        options = {"border": self.border, "dtype": forward.dtype, "blocks": blocks}
        return resident_views(pictures, numbers.draws, self.mean, **options), blocks is not None


@dataclass(frozen=True)
class Running:
    """A step on the device; its result is on its way to the host."""

    values: Tensor
    event: torch.cuda.Event | None
    count: int

    def result(self) -> StepResult:
        """Wait for the step and return what it saw."""
        if self.event is not None:
            self.event.synchronize()
        loss, top1, top5 = self.values.tolist()
        return StepResult(loss / self.count, int(top1), int(top5), self.count)


class GraphedStepper:
    """Takes steps as replays of a graph; the first ones, and smaller batches, kernel by kernel.

    On a CPU, where the kernels run in Triton's interpreter, there is no graph and nothing else differs.

    Args:
        forward: The network's.
        optimizer: As ever: its float32 weights and velocities are what checkpoints hold.
        source: How input is made.
        batch_size: Of the batches that the graph is for.
    """

    ahead, traffic = True, Traffic()

    def __init__(self, forward: Forward, optimizer: SGD, source: Input, batch_size: int):
        self.forward, self.source, self.batch_size = forward, source, batch_size
        self.sgd = OnePassSGD(optimizer, forward.working, overlap=True)
        self._leaves = [forward.working.get(p, p) for g in optimizer.param_groups for p in g["params"]]
        self._device = source.mean.device
        self._finite = torch.ones((), dtype=torch.bool, device=self._device)
        self._copies = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None
        self._graph: GraphedStep | None = None
        self._gradients: list[Tensor | None] = []

    def bring(self, batch: DrawnBatch) -> DrawnBatch:
        """Send a batch's pictures to the device, beside whatever runs there."""
        if self._copies is None or batch.came is None:
            return batch
        with torch.cuda.stream(self._copies):
            name, tensor = batch.came
            return batch.with_came(name, tensor.to(self._device, non_blocking=True))

    def begin(self, batch: DrawnBatch, step: int) -> Running:
        """Begin a step and send for its result."""
        batch.numbers.step[0] = step
        self.sgd.load_rates()
        inputs = self._inputs(batch)
        if self._graph is None:
            warmups = 3 if self.forward.captures else None
            self._graph = GraphedStep(self._step, self._buffers(inputs), warmups=warmups)
        if len(batch) == self.batch_size:
            found, self._gradients = self._graph(**inputs)
        else:
            moved = {name: tensor.to(self._device, non_blocking=True) for name, tensor in inputs.items()}
            found, self._gradients = self._graph.once(**moved)
        return self._sent_for(found, len(batch))

    def gradients(self) -> Iterator[Tensor]:
        """Yield the last step's gradients."""
        return (gradient for gradient in self._gradients if gradient is not None)

    def close(self) -> None:
        """Leave the network; weights and velocities stay where they are."""
        try:
            if self._copies is not None:
                torch.cuda.synchronize(self._device)  # a step that was begun may still run
        finally:
            self.sgd.close()
            # The graph holds gigabytes and refers to this stepper: nothing else would free it soon.
            self._graph, self._gradients = None, []
            self._forget_gradients()

    def _forget_gradients(self) -> None:
        for leaf in self._leaves:
            leaf.grad = None

    def _step(self, numbers: Tensor, **came: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        """Compute one step; return loss sum, top-1 and top-5 errors, float32 (3), and the gradients."""
        batch = Numbers.over(numbers, self.source.shape[2])
        self._forget_gradients()
        with _repeatable():
            x, in_blocks = self.source.make(batch, came, self.forward)
            logits = self.forward(x, batch.step, batch.samples, in_blocks=in_blocks)
            loss = F.cross_entropy(logits.float(), batch.labels, reduction="sum")
            self._finite.logical_and_(loss.detach().isfinite())
            self.sgd.begin(self._finite)
            (loss / len(batch)).backward()
            self.sgd.step()
        gradients = [leaf.grad for leaf in self._leaves]
        self._forget_gradients()
        found = torch.cat((loss.detach()[None], count_errors(logits.detach(), batch.labels).float()))
        return found, gradients

    def _inputs(self, batch: DrawnBatch) -> dict[str, Tensor]:
        inputs = {"numbers": batch.numbers.data}
        if batch.came is not None:
            name, tensor = batch.came
            inputs[name] = tensor
            if self._copies is not None:
                current = torch.cuda.current_stream(self._device)
                current.wait_stream(self._copies)
                tensor.record_stream(current)
        return inputs

    def _buffers(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors of the full batch's shapes."""
        full = {}
        for name, tensor in inputs.items():
            rows = size(self.batch_size, self.source.shape[2]) if name == "numbers" else self.batch_size
            like = tensor.new_zeros((rows, *tensor.shape[1:]), device=self._device)
            last = name == "views"
            full[name] = like.contiguous(memory_format=torch.channels_last) if last else like
        return full

    def _sent_for(self, found: Tensor, count: int) -> Running:
        if self._copies is None:
            return Running(found, None, count)
        values = torch.empty(3, pin_memory=True).copy_(found, non_blocking=True)
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self._device))
        return Running(values, event, count)


@contextlib.contextmanager
def _repeatable() -> Iterator[None]:
    """Let cuDNN choose by rule among algorithms that give the same bits each time.

    A search for the fastest could end differently in the next process, and the bits of a resumed run with it.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before
