"""What an experiment still has to do, given what has been done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from alexnet.core.errors import UsageError
from alexnet.experiments.claim import Arm, Budget, BudgetName, Ensemble, Experiment
from alexnet.experiments.part import Average, Network, Part, network
from alexnet.experiments.results import Result, Results

_FACTORS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""The steps of a search for a learning rate."""


@dataclass(frozen=True)
class Trial:
    """A learning rate that is tried for an arm."""

    arm: str
    factor: float
    part: Network


@dataclass(frozen=True)
class Plan:
    """All pieces of work of an experiment that are known so far."""

    trials: list[Trial]
    chosen: Mapping[str, float]
    """Factor on the learning rate by arm, where the search is over."""
    parts: Mapping[str, Mapping[int, Part]]
    """By arm or ensemble, then by seed or number of the ensemble."""
    waiting: list[str] = field(default_factory=list)
    """Arms whose search is not over."""

    def all(self) -> list[Part]:
        """Return every piece once, in the order in which it is done: one seed of every arm, then the next."""
        found = {trial.part.digest: trial.part for trial in self.trials}
        for seed in sorted({seed for parts in self.parts.values() for seed in parts}):
            found |= {parts[seed].digest: parts[seed] for parts in self.parts.values() if seed in parts}
        return list(found.values())

    def kept(self) -> set[str]:
        """Return the digests of networks whose weights another piece needs."""
        parts = self.all()
        members = {n.digest for part in parts if isinstance(part, Average) for n in part.networks}
        return members | {p.pretraining.digest for p in parts if isinstance(p, Network) and p.pretraining}


def plan(experiment: Experiment, name: BudgetName, results: Results) -> Plan:
    """Return what an experiment needs at a budget.

    Raises:
        UsageError: the experiment has no such budget.
    """
    budget = budget_of(experiment, name)
    trials, chosen, parts, waiting = [], {}, {}, []
    for arm in experiment.arms:
        changes: tuple[str, ...] = ()
        if arm.rates:
            tried, best = _search(experiment, arm, budget, results)
            trials += tried
            if best is None:
                waiting.append(arm.name)
                continue
            chosen[arm.name] = best
            changes = _rate(arm, budget, best)
        seeds = budget.seeds[: arm.seeds]
        parts[arm.name] = {seed: network(arm, budget, seed, changes=changes) for seed in seeds}
    for ensemble in experiment.ensembles:
        if not any(member.arm in waiting for member in ensemble.members):
            parts[ensemble.name] = _averages(ensemble, budget, parts)
    return Plan(trials, chosen, parts, waiting)


def is_finished(experiment: Experiment, name: BudgetName, results: Results) -> bool:
    """Say whether nothing is left to do."""
    planned = plan(experiment, name, results)
    return not planned.waiting and not any(
        results.lacks(part, measures_of(experiment, part)) for part in planned.all()
    )


def measures_of(experiment: Experiment, part: Part) -> tuple[str, ...]:
    """Return what an experiment wants measured of a piece, besides the usual."""
    return experiment.measures if isinstance(part, Network) else ()


def budget_of(experiment: Experiment, name: BudgetName) -> Budget:
    """Return an experiment's budget.

    Raises:
        UsageError: it has none of this name; gives those it has.
    """
    if name not in experiment.budgets:
        raise UsageError(
            f"{experiment.name} has no budget {name!r}", remedy=f"it has {', '.join(experiment.budgets)}"
        )
    return experiment.budgets[name]


def best_rate(experiment: Experiment, trials: list[Trial], results: Results) -> float | None:
    """Return the factor whose trial is best, or None while one is missing; the smaller of equal ones."""
    found: list[tuple[float, float]] = []
    for trial in trials:
        result = results.find(trial.part)
        if result is None:
            return None
        value = _lowest(result, experiment)
        found.append((value, trial.factor))
    return min(found)[1]


def _lowest(result: Result, experiment: Experiment) -> float:
    assert experiment.search is not None
    value = result.value(experiment.search.measure)
    return float("inf") if value is None else value


def _search(
    experiment: Experiment, arm: Arm, budget: Budget, results: Results
) -> tuple[list[Trial], float | None]:
    """Return the trials that are known to be needed, and the best factor once all are done.

    While the best is the lowest or the highest of those tried, the next beyond it is tried too.
    """
    assert experiment.search is not None
    factors = sorted(arm.rates)
    while True:
        trials = [_trial(experiment, arm, budget, factor) for factor in factors]
        best = best_rate(experiment, trials, results)
        if best is None or best not in (factors[0], factors[-1]) or len(factors) >= experiment.search.most:
            return trials, best
        place = _FACTORS.index(best) + (1 if best == factors[-1] else -1)
        factors = sorted([*factors, _FACTORS[place]])


def _trial(experiment: Experiment, arm: Arm, budget: Budget, factor: float) -> Trial:
    search = experiment.search
    assert search is not None
    part = network(arm, budget, search.seed, changes=(*_rate(arm, budget, factor), *search.changes))
    return Trial(arm.name, factor, replace(part, label=f"{arm.name}, {factor:g} times the rate"))


def _rate(arm: Arm, budget: Budget, factor: float) -> tuple[str, ...]:
    optim = network(arm, budget, 0).recipe.optim
    texts = [f"optim.lr={optim.lr * factor:.6g}"]
    if optim.bias_lr is not None:
        texts.append(f"optim.bias_lr={optim.bias_lr * factor:.6g}")
    return tuple(texts)


def _averages(ensemble: Ensemble, budget: Budget, parts: Mapping[str, Mapping[int, Part]]) -> dict[int, Part]:
    found: dict[int, Part] = {}
    for number in range(len(budget.seeds)):
        places = [(m.arm, m.stride * number + m.offset) for m in ensemble.members]
        if any(place >= len(parts[arm]) for arm, place in places):
            break
        networks = tuple(parts[arm][budget.seeds[place]] for arm, place in places)
        assert all(isinstance(n, Network) for n in networks)
        found[number] = Average(f"{ensemble.name}, {number}", networks)  # type: ignore[arg-type]
    return found
