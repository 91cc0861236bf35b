"""One gradient step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.core.keys import Key
from alexnet.metrics.topk import ranks
from alexnet.ops.dropout import dropout_draws
from alexnet.ops.powers import widened
from alexnet.optim.sgd import SGD
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Batch


@dataclass(frozen=True)
class StepResult:
    """What a step saw before it changed the weights."""

    loss: float
    """Mean of -log p(label) over the batch."""
    top1_errors: int
    top5_errors: int
    count: int

    @property
    def is_finite(self) -> bool:
        """Whether the weights were updated."""
        return math.isfinite(self.loss)


def train_step(
    net: nn.Module, optimizer: SGD, batch: Batch, config: TrainConfig, *, key: Key, step: int
) -> StepResult:
    """Compute the gradient of the batch's mean loss and update the weights once.

    Args:
        batch: On the network's device.
        key: Root of the dropout masks, drawn at (step, sample).
        step: Number of the update, from 0.

    Returns:
        The loss and errors. A loss that is not finite leaves the weights as they were.
    """
    optimizer.zero_grad(set_to_none=True)
    seen = Seen(batch.inputs.device)
    for part in batch.split(config.micro_batch_size):
        seen.add(backward(net, part, config, key=key, step=step))
    result = seen.result(batch.total)
    if result.is_finite:
        optimizer.step()
    return result


class Seen:
    """Sums of what passes saw."""

    def __init__(self, device: torch.device):
        self.loss, self.errors = (
            torch.zeros((), device=device),
            torch.zeros(2, dtype=torch.int64, device=device),
        )

    def add(self, seen: tuple[Tensor, Tensor]) -> None:
        """Add what one pass saw."""
        self.loss += seen[0]
        self.errors += seen[1]

    def result(self, count: int) -> StepResult:
        """Return the step's result; waits for the device."""
        return StepResult(float(self.loss) / count, *self.errors.tolist(), count)


def backward(
    net: Callable[[Tensor], Tensor], batch: Batch, config: TrainConfig, *, key: Key, step: int
) -> tuple[Tensor, Tensor]:
    """Add to the gradients these images' part of the whole batch's mean loss.

    Args:
        net: Makes logits of the batch's inputs.

    Returns:
        The sum of the losses, float32 (), and `count_errors`.
    """
    with precision(config, batch.inputs.device), dropout_draws(key, step, batch.samples):
        logits = net(batch.inputs)
    loss = F.cross_entropy(widened(logits), batch.labels, reduction="sum")
    (loss / batch.total).backward()
    return loss.detach(), count_errors(logits.detach(), batch.labels)


def precision(config: TrainConfig, device: torch.device) -> torch.autocast:
    """Return the context in which the layers compute."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16")


def count_errors(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how many labels are not the best, and not among the best five: int64 (2) on the device."""
    rank = ranks(logits, labels)
    return torch.stack(((rank >= 1).sum(), (rank >= 5).sum()))
