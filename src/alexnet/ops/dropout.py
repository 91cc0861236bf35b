"""Dropout as in 2012 (no rescaling in training) and as usual today (inverted), with keyed masks.

Inside `dropout_draws(...)` a mask is a pure function of (key, layer, step, sample), whatever the batch,
micro-batch or device it is computed in. Outside, masks come from torch's generator, as in `nn.Dropout`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.core.keys import Key
from alexnet.ops.uncompiled import uncompiled


@dataclass(frozen=True)
class Draws:
    """Where the masks of one forward pass are drawn."""

    key: Key
    step: int
    samples: np.ndarray
    """int64 (N,): the dataset index of each image in the batch."""


_draws: ContextVar[Draws | None] = ContextVar("dropout_draws", default=None)


@contextlib.contextmanager
def dropout_draws(key: Key, step: int, samples: np.ndarray) -> Iterator[None]:
    """Draw every dropout mask inside the block from `key` at (step, sample)."""
    token = _draws.set(Draws(key, step, samples))
    try:
        yield
    finally:
        _draws.reset(token)


def current_draws() -> Draws | None:
    """Return where this forward pass draws; None outside `dropout_draws`."""
    return _draws.get()


class Dropout(nn.Module):
    """Zero each unit with probability `rate` in training.

    Args:
        rate: Probability of dropping a unit, in [0, 1).
        inverted: False as in the paper: kept units pass unchanged in training and all units are multiplied by
            1 - rate in evaluation. True: kept units are divided by 1 - rate in training (torch, Caffe).
        name: Names the layer's random stream; layers of one network must differ in it.

    Attributes:
        part: Which of the layer's units pass here, where others pass elsewhere: each has its mask of the whole layer.

    Source:
        Krizhevsky et al. 2012, section 4.2; layer.cu of the 2012 source (keep = 0.5).
    """

    part: slice | None = None

    def __init__(self, rate: float = 0.5, *, inverted: bool = False, name: str = "dropout"):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"dropout rate must be in [0, 1), not {rate}")
        self.rate, self.inverted, self.name = rate, inverted, name

    @property
    def factor(self) -> float:
        """What all units are multiplied by in evaluation."""
        return 1.0 if self.inverted else 1 - self.rate

    def forward(self, x: Tensor) -> Tensor:
        keep = 1 - self.rate
        if not self.training:
            return x if self.inverted else x * keep
        mask = self._mask(x)
        return x * (mask.to(x.dtype) / keep if self.inverted else mask.to(x.dtype))

    def extra_repr(self) -> str:
        return f"rate={self.rate}, inverted={self.inverted}"

    def _mask(self, x: Tensor) -> Tensor:
        draws = _draws.get()
        if draws is None:
            return torch.empty_like(x, dtype=torch.bool).bernoulli_(1 - self.rate)
        part = self.part or slice(x.shape[1:].numel())
        mask = keyed_mask(draws, self.name, part.stop, self.rate)[:, part]
        return torch.from_numpy(mask).reshape(x.shape).to(x.device)


@uncompiled
def keyed_mask(draws: Draws, name: str, units: int, rate: float) -> np.ndarray:
    """Return the mask (N, units) of a layer as bool: True where a unit is kept.

    A rate of one half spends one random bit a unit, any other rate a 32-bit word.
    """
    key = draws.key.derive(name)
    if rate == 0.5:
        words = key.words(draws.step, draws.samples, -(-units // 32)).astype("<u4")
        return np.unpackbits(words.view(np.uint8), axis=1, count=units, bitorder="little").astype(bool)
    return key.words(draws.step, draws.samples, units) >= np.uint32(rate * 2**32)
