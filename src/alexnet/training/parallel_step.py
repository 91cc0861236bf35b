"""Steps that several processes take together, each with its part of the batch, and perhaps of the network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from alexnet.core.keys import Key
from alexnet.optim.sgd import SGD
from alexnet.parallel.exchange import Exchange
from alexnet.parallel.ranks import Ranks
from alexnet.parallel.sums import GradientSums
from alexnet.parallel.traffic import Traffic
from alexnet.parallel.tree import Branch, add_subtrees
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Batch
from alexnet.training.step import Seen, StepResult, backward
from alexnet.training.stepper import Done


@dataclass
class ParallelStepper:
    """Takes steps whose gradients are added over the processes while the backward pass computes.

    Sums run in the library's order: the same bits for the same number of processes, others for another.

    Args:
        key: Root of the dropout masks, which depend on the sample and not on the process.
        ranks: Who shares the batch, and holds the same weights.
        link: What the network itself exchanges with those who hold its other parts, and take the same steps.
    """

    net: nn.Module
    optimizer: SGD
    config: TrainConfig
    key: Key
    ranks: Ranks
    link: Exchange | None = None
    ahead = False

    def __post_init__(self) -> None:
        self._sums = GradientSums(list(self.net.parameters()), self.ranks)

    @property
    def traffic(self) -> Traffic:
        """What the last step exchanged."""
        return self._sums.traffic if self.link is None else self._sums.traffic + self.link.traffic

    def bring(self, batch: Batch) -> Batch:
        """Return this process's part on its device."""
        return batch.to(self.ranks.device)

    def begin(self, batch: Batch, step: int) -> Done:
        """Take the step; every process returns the result of the whole batch."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.link is not None:
            self.link.traffic = Traffic()
        parts = list(batch.split(self.config.micro_batch_size))
        seen = Seen(self.ranks.device)
        if not parts:
            self._sums.expect()
        for number, part in enumerate(parts):
            if number == len(parts) - 1:
                self._sums.expect()
            seen.add(backward(self.net, part, self.config, key=self.key, step=step))
        self._sums.finish()
        result = _added(seen, batch.total, self.ranks)
        if result.is_finite:
            self.optimizer.step()
        return Done(result)

    def close(self) -> None:
        """Let go of the network."""
        self._sums.close()


@dataclass
class ElasticStepper:
    """Takes steps whose bits are those of one process, for any number of them up to the number of parts.

    The batch is cut into `config.elastic_parts` parts, whoever computes them; their gradients, and their losses, are
    added as a tree over the parts' numbers.

    Args:
        key: Root of the dropout masks.
    """

    net: nn.Module
    optimizer: SGD
    config: TrainConfig
    key: Key
    ranks: Ranks
    traffic: Traffic = field(default_factory=Traffic)
    """What the last step exchanged."""
    ahead = False

    def bring(self, batch: Batch) -> Batch:
        """Return this process's part on its device."""
        return batch.to(self.ranks.device)

    def begin(self, batch: Batch, step: int) -> Done:
        """Take the step; every process returns the result of the whole batch."""
        parameters = list(self.net.parameters())
        size, mine = _part_size(self.config), self.ranks.world.share(self.config.elastic_parts)
        branch = Branch(mine.start)
        for number in range(mine.stop - mine.start):
            self.optimizer.zero_grad(set_to_none=True)
            part = batch.part(slice(number * size, (number + 1) * size))
            seen = Seen(self.ranks.device)
            if len(part):
                seen.add(backward(self.net, part, self.config, key=self.key, step=step))
            branch.add([*_gradients(parameters), seen.loss, seen.errors.to(torch.float32)])
        *gradients, loss, errors = self._total(branch)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        result = StepResult(float(loss) / batch.total, *(int(e) for e in errors.tolist()), batch.total)
        if result.is_finite:
            self.optimizer.step()
        return Done(result)

    def close(self) -> None:
        """Nothing."""

    def _total(self, branch: Branch) -> list[Tensor]:
        ranks, start = self.ranks, time.perf_counter()
        if ranks.world.is_alone:
            return branch.total()
        own = branch.subtrees()
        room = own[0][0].new_zeros(-sum(t.numel() for t in own[0]) % ranks.world.size)
        flats = [torch.cat([*(t.reshape(-1) for t in terms), room]) for terms in own]
        total = add_subtrees(flats, self.config.elastic_parts, ranks)
        sent = (len(flats) + 1) * total.numel() * (ranks.world.size - 1) // ranks.world.size
        self.traffic = Traffic(sent * total.element_size(), time.perf_counter() - start)
        parts = total[: total.numel() - len(room)].split([t.numel() for t in own[0]])
        return [like.copy_(part.view(like.shape)) for like, part in zip(own[0], parts, strict=True)]


def elastic_share(config: TrainConfig, ranks: Ranks) -> Callable[[int], slice]:
    """Return which images of a batch belong to this process's parts: parts keep their size in a smaller batch."""
    size, parts = _part_size(config), ranks.world.share(config.elastic_parts)
    return lambda count: slice(min(parts.start * size, count), min(parts.stop * size, count))


def _part_size(config: TrainConfig) -> int:
    return -(-config.batch_size // config.elastic_parts)


def _gradients(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]


def _added(seen: Seen, count: int, ranks: Ranks) -> StepResult:
    values = torch.cat((seen.loss.double().view(1), seen.errors.double()))
    loss, top1, top5 = ranks.add(values).tolist()
    return StepResult(loss / count, int(top1), int(top5), count)
