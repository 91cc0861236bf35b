"""One gradient step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.core.keys import Key
from alexnet.metrics.topk import ranks
from alexnet.ops.dropout import dropout_draws
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
    device = batch.inputs.device
    loss_sum = torch.zeros((), device=device)
    errors = torch.zeros(2, dtype=torch.int64, device=device)
    for part in batch.split(config.micro_batch_size):
        with precision(config, device), dropout_draws(key, step, part.samples):
            logits = net(part.inputs)
        loss = F.cross_entropy(logits.float(), part.labels, reduction="sum")
        (loss / len(batch)).backward()
        loss_sum += loss.detach()
        errors += count_errors(logits.detach(), part.labels)
    result = StepResult(float(loss_sum) / len(batch), *errors.tolist(), len(batch))
    if result.loss - result.loss == 0:
        optimizer.step()
    return result


def precision(config: TrainConfig, device: torch.device) -> torch.autocast:
    """Return the context in which the layers compute."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16")


def count_errors(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how many labels are not the best, and not among the best five: int64 (2) on the device."""
    rank = ranks(logits, labels)
    return torch.stack(((rank >= 1).sum(), (rank >= 5).sum()))
