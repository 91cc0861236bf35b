"""A linear support vector machine with squared hinge losses, one class against the rest.

The objective of LIBLINEAR's L2-loss SVM (Fan et al., JMLR 2008) and of Coates, Lee & Ng (AISTATS 2011), minimized over
all features at once by L-BFGS. Each step reads the features once, in pieces that fit the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.classic.threads import Share, computing_alone, each_alone
from alexnet.core.errors import DataError, UsageError

_PIECE_BYTES = 1 << 20
"""Features read in one go: few enough to stay in a core's cache until they have been used twice."""
_ROWS = 2048
"""Rows that one thread sums over in one go, whatever the number of threads: results do not depend on it."""


@dataclass(frozen=True)
class SquaredHingeSvmConfig:
    """How hard an error counts, and how long to look for the minimum.

    Raises:
        UsageError: A value that cannot mean anything.
    """

    cost: float = 1e-3
    """Weight of the losses beside half the squared weights (LIBLINEAR's C)."""
    iterations: int = 100
    """Most steps of L-BFGS."""
    tolerance: float = 1e-4
    """Stop once no entry of the gradient exceeds this share of the first gradient's largest."""
    variance: float = 0.01
    """Added to each feature's variance before it is scaled to 1 (as in the program published with Coates & Ng)."""

    def __post_init__(self) -> None:
        if not 0 < self.cost < float("inf"):
            raise UsageError(f"cost = {self.cost}", remedy="give a number above 0")
        if self.iterations < 1:
            raise UsageError(f"iterations = {self.iterations}", remedy="give 1 or more")
        if self.tolerance < 0 or self.variance <= 0:
            raise UsageError(
                f"tolerance = {self.tolerance}, variance = {self.variance}",
                remedy="give 0 or more, and above 0",
            )


class SquaredHingeSvm:
    """A linear classifier of feature vectors."""

    def __init__(self, config: SquaredHingeSvmConfig):
        self.config = config
        self._weight: Tensor | None = None
        self._bias: Tensor | None = None

    def fit(self, features: np.ndarray, labels: np.ndarray, classes: int, say: Callable[[str], None]) -> None:
        """Find the weights, for features scaled to mean 0 and variance 1; the bias is not penalized.

        Args:
            features: (N, D), float32 or float16, in memory or memory-mapped; not copied as a whole.
            labels: (N,) integers in [0, classes).
            classes: K.
            say: Hears of the progress.

        Raises:
            DataError: Features or labels of another shape, not finite, or out of range.
        """
        _check(features, labels, classes)
        # one-hot as -1 and 1
        signs = torch.full((classes, len(labels)), -1.0)
        signs[torch.from_numpy(np.asarray(labels, np.int64)), torch.arange(len(labels))] = 1.0
        with computing_alone() as share:
            objective = _Objective(features, signs, self.config, share)
            weight, bias = objective.as_features_come(_minimize(objective, self.config, say))
        self._weight, self._bias = weight.T.contiguous(), bias

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return float32 (N, K) distances from the margins' middle, of (N, D) features; the largest wins.

        Raises:
            DataError: Features of another shape than those of the fit.
        """
        weight, bias = self._learned()
        if features.ndim != 2 or features.shape[1] != len(weight):
            raise DataError(f"features are {features.shape}, the classifier's have {len(weight)} columns")
        parts = ((features[i : i + _ROWS], weight, bias) for i in range(0, len(features), _ROWS))
        return torch.cat([torch.empty(0, len(bias)), *each_alone(_scores, parts)]).numpy()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learned: "weight" float32 (D, K), "bias" float32 (K,), for features as they come."""
        weight, bias = self._learned()
        return {"weight": weight.numpy(), "bias": bias.numpy()}

    @classmethod
    def from_arrays(cls, config: SquaredHingeSvmConfig, arrays: dict[str, np.ndarray]) -> SquaredHingeSvm:
        """Return the classifier that `arrays` came from.

        Raises:
            DataError: Arrays that are missing or do not fit each other.
        """
        if absent := [name for name in ("weight", "bias") if name not in arrays]:
            raise DataError(f"a linear classifier without its {' and '.join(absent)}", remedy="fit it again")
        weight, bias = (np.array(arrays[name], np.float32) for name in ("weight", "bias"))
        if weight.ndim != 2 or bias.shape != weight.shape[1:]:
            raise DataError(f"weights of {weight.shape} and biases of {bias.shape}", remedy="fit it again")
        found = cls(config)
        found._weight, found._bias = torch.from_numpy(weight), torch.from_numpy(bias)
        return found

    def _learned(self) -> tuple[Tensor, Tensor]:
        assert self._weight is not None and self._bias is not None, "fit first"
        return self._weight, self._bias


def _minimize(objective: _Objective, config: SquaredHingeSvmConfig, say: Callable[[str], None]) -> Tensor:
    """Return the weights and biases (K, D + 1), over scaled features, where L-BFGS ends."""
    both = torch.zeros(len(objective.signs), len(objective.mean) + 1)
    loss, gradient = objective(both)
    # the mean loss and not the sum: L-BFGS stops at absolute differences of its objective
    unit, calls = 1 / (config.cost * objective.signs.numel()), 0
    optimizer = torch.optim.LBFGS(
        [both],
        max_iter=config.iterations,
        max_eval=2 * config.iterations,
        tolerance_grad=config.tolerance * float(gradient.abs().max()) * unit,
        tolerance_change=1e-9,
        history_size=50,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        nonlocal calls, loss, gradient
        if calls:
            loss, gradient = objective(both)
        calls += 1
        if calls % 10 == 1:
            say(f"support vector machine: {calls} passes over the features, objective {loss * unit:.4f}")
        both.grad = gradient * unit
        return loss * unit

    optimizer.step(closure)
    say(f"support vector machine: {calls} passes in all, objective {loss * unit:.4f}")
    return both


class _Objective:
    """Half the squared weights plus `cost` times the squared hinges, over features scaled as they are read.

    Args:
        features: (N, D).
        signs: (K, N), 1 for a row's class and -1 for the others.
        config: Of the cost and of what is added to variances.
        share: Sums over rows in several threads.
    """

    def __init__(self, features: np.ndarray, signs: Tensor, config: SquaredHingeSvmConfig, share: Share):
        self.features, self.signs, self.cost, self.share = features, signs, config.cost, share
        self.rows = [slice(i, i + _ROWS) for i in range(0, len(features), _ROWS)]
        self.mean, self.scale = self._moments(config.variance)

    def __call__(self, both: Tensor) -> tuple[float, Tensor]:
        """Return the value at weights and biases (K, D + 1), and its gradient, of their shape."""
        weight, bias = self.as_features_come(both)
        parts = self.share(_hinges, ((self.features[r], self.signs[:, r], weight, bias) for r in self.rows))
        loss = sum(part[0] for part in parts)
        gradient, total = (-2 * self.cost * sum(part[i] for part in parts) for i in (1, 2))
        gradient = (gradient - total[:, None] * self.mean) * self.scale + both[:, :-1]
        value = self.cost * loss + 0.5 * float(both[:, :-1].square().sum())
        return value, torch.cat((gradient, total[:, None]), 1)

    def as_features_come(self, both: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (K, D) and biases (K,) that do to features what (K, D + 1) do to scaled ones."""
        weight = both[:, :-1] * self.scale
        return weight, both[:, -1] - weight @ self.mean

    def _moments(self, variance: float) -> tuple[Tensor, Tensor]:
        """Return each column's mean and 1 / sqrt(variance + `variance`), summed in float64."""
        parts = self.share(_sums, ((self.features[r],) for r in self.rows))
        mean, squares = (sum(part[i] for part in parts) / len(self.features) for i in (0, 1))
        spread = (squares - mean.square()).clamp_(min=0)
        if not spread.isfinite().all():
            raise DataError("features that are not finite", remedy="encode the images again")
        return mean.float(), (spread + variance).rsqrt().float()


def _hinges(features: np.ndarray, signs: Tensor, weight: Tensor, bias: Tensor) -> tuple[float, Tensor, Tensor]:
    """Return the squared hinges of some rows, summed, and their gradient over weight and bias divided by -2."""
    gradient, total, loss = torch.zeros_like(weight), torch.zeros_like(bias), 0.0
    # classes come first: with few of them, products with features last are several times as fast
    for start, piece in _pieces(features):
        sign = signs[:, start : start + len(piece)]
        short = torch.addmm(bias[:, None], weight, piece.T).mul_(sign).neg_().add_(1).clamp_(min=0)
        loss += float(short.square().sum())
        slope = short.mul_(sign)
        gradient.addmm_(slope, piece)
        total += slope.sum(1)
    return loss, gradient, total


def _scores(features: np.ndarray, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.cat([torch.addmm(bias, piece, weight) for _, piece in _pieces(features)])


def _sums(features: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return each column's sum and sum of squares, in float64."""
    total = torch.zeros(features.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for _, piece in _pieces(features):
        wide = piece.double()
        total += wide.sum(0)
        squares += wide.square_().sum(0)
    return total, squares


def _pieces(features: np.ndarray) -> Iterator[tuple[int, Tensor]]:
    """Yield the first row and the float32 rows of pieces that fit the cache."""
    step = max(16, _PIECE_BYTES // (4 * max(1, features.shape[1])))
    for start in range(0, len(features), step):
        piece = features[start : start + step]
        if piece.dtype != np.float32 or not piece.flags.writeable or not piece.flags.c_contiguous:
            # torch takes no read-only array without a warning
            piece = np.array(piece, np.float32, order="C")
        yield start, torch.from_numpy(piece)


def _check(features: np.ndarray, labels: np.ndarray, classes: int) -> None:
    if features.ndim != 2 or not features.size or labels.shape != features.shape[:1]:
        raise DataError(f"features are {features.shape}, labels {labels.shape}", remedy="give (N, D) and (N,)")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"labels reach from {labels.min()} to {labels.max()} with {classes} classes")
