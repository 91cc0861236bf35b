"""Steps with data-parallel convolutions and model-parallel fully connected layers.

Source:
    Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks" (arXiv 1404.5997), section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from alexnet.core.keys import Key
from alexnet.nets.hybrid import HybridNetwork
from alexnet.ops.dropout import dropout_draws
from alexnet.optim.sgd import SGD
from alexnet.parallel.deliveries import hand_back, hand_out
from alexnet.parallel.ranks import Ranks
from alexnet.parallel.sums import GradientSums
from alexnet.parallel.traffic import Traffic
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Batch
from alexnet.training.hybrid_passes import Pass, passes
from alexnet.training.step import Seen, backward, precision
from alexnet.training.stepper import Done


@dataclass
class HybridStepper:
    """Takes steps in which each process convolves its share of the batch and computes its part of the layers behind.

    The fully connected layers are passed once or several times (`config.hybrid_scheme`); while a pass computes, the
    activities of the next one and the gradients of the one before travel. Everybody sees all logits, and so the result
    of the whole batch.

    Args:
        key: Root of the dropout masks, which depend on the sample and not on the process.
    """

    net: HybridNetwork
    optimizer: SGD
    config: TrainConfig
    key: Key
    ranks: Ranks
    traffic: Traffic = field(default_factory=Traffic)
    """What the last step exchanged."""
    ahead = False

    def __post_init__(self) -> None:
        alone = self.ranks.world.is_alone
        self._sums = GradientSums([] if alone else self.net.convolutions(), self.ranks)

    def bring(self, batch: Batch) -> Batch:
        """Return this process's part on its device."""
        return batch.to(self.ranks.device)

    def begin(self, batch: Batch, step: int) -> Done:
        """Take the step; every process returns the result of the whole batch.

        A loss that is not finite leaves the weights as they were; where the fully connected layers are updated after
        each pass, as they were before the pass that gave it.
        """
        self.net.link.traffic = Traffic()
        self.optimizer.zero_grad(set_to_none=True)
        samples = torch.from_numpy(np.asarray(batch.samples, np.int64)).to(self.ranks.device)
        facts = torch.stack((samples, batch.labels), 1)
        told = hand_out(self.net.link, facts, self.ranks.world.sizes(batch.total))
        with precision(self.config, self.ranks.device), dropout_draws(self.key, step, batch.samples):
            activities = self.net.convolve(batch.inputs)
        seen, gradient = self._classify(activities.detach(), told.wait(), step)
        self._sums.expect()
        if activities.requires_grad:
            activities.backward(gradient)
        self._sums.finish()
        result = seen.result(batch.total)
        if result.is_finite:
            self.optimizer.step()
        self.traffic = self.net.link.traffic + self._sums.traffic
        return Done(result)

    def close(self) -> None:
        """Let go of the network."""
        self._sums.close()

    def _classify(self, own: Tensor, facts: Tensor, step: int) -> tuple[Seen, Tensor]:
        """Pass the whole batch through the fully connected layers, forward and backward.

        Args:
            own: Activities of this process's share (n, features).
            facts: int64 (N, 2): samples and labels of the whole batch.

        Returns:
            What was seen, and the gradient of `own`.
        """
        link, world, count = self.net.link, self.ranks.world, len(facts)
        each = self.config.hybrid_updates == "each"
        seen, leaving = Seen(self.ranks.device), []
        for part, x in self._arrivals(own, passes(self.config.hybrid_scheme, world, count), count):
            samples, labels = torch.cat([facts[images] for images in part.images]).unbind(1)
            batch = Batch(x.requires_grad_(), labels, samples.cpu().numpy(), len(part) if each else count)
            seen.add(backward(self.net.classify, batch, self.config, key=self.key, step=step))
            gradient = x.grad * (len(part) / count) if each else x.grad
            leaving.append((part.own(world, count), hand_back(link, gradient, part.counts)))
            if each:
                self._update_classifier(seen)
        gradient = torch.empty_like(own)
        for place, rows in leaving:
            gradient[place] = rows.sum()
        return seen, gradient

    def _arrivals(self, own: Tensor, plan: Sequence[Pass], count: int) -> Iterator[tuple[Pass, Tensor]]:
        """Yield each pass with everybody's activities; those of the next one are on their way then."""
        running = None
        for part in plan:
            begun = part, hand_out(self.net.link, own[part.own(self.ranks.world, count)], part.counts)
            if running is not None:
                yield running[0], running[1].wait()
            running = begun
        yield running[0], running[1].wait()

    def _update_classifier(self, seen: Seen) -> None:
        """Update the fully connected layers: nothing else has a gradient yet."""
        if seen.loss.isfinite():
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
