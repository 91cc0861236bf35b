"""What an experiment has come to: its numbers by arm and seed, and the verdict on each of its claims. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alexnet.experiments.claim import BudgetName, Contrast, Experiment, Value
from alexnet.experiments.plan import Plan, budget_of, plan
from alexnet.experiments.results import Result, Results
from alexnet.experiments.verdict import Verdict, judge

REACHED = {"curves.epochs_to_25": "curves.reached_25"}
"""Measures that are lower bounds where another one is false."""
_PERCENT = ("error", "gap", "precision", "digits", "mean_of_one", "codes")


@dataclass(frozen=True)
class Finding:
    """A claim and what came of it."""

    contrast: Contrast
    verdict: Verdict

    def sentence(self) -> str:
        """Return the claim with its effect in one line."""
        verdict = self.verdict
        if verdict.effect is None:
            return f"{self.contrast.says}: not measured"
        return f"{self.contrast.says}: {self.effect()}"

    def effect(self) -> str:
        """Return the effect with its interval: `-1.20 points (95 %: -1.90 .. -0.50), 3 seeds`."""
        verdict, ratio = self.verdict, self.contrast.by == "ratio"
        if verdict.effect is None:
            return verdict.why if verdict.pairs else "not measured"
        as_points = not ratio and is_share(self.contrast.left.measure)
        scale, unit, plus = (100.0, " points", "+") if as_points else (1.0, "", "" if ratio else "+")
        effect = f"{scale * verdict.effect:{plus}.3g}{' times' if ratio else unit}"
        effect = f"{verdict.bound} {effect}" if verdict.bound else effect
        seeds = f"{verdict.pairs} seed{'s' * (verdict.pairs != 1)}"
        if verdict.low is None and verdict.high is None:
            return f"{effect}, {seeds}"
        low, high = ("" if v is None else f"{scale * v:{plus}.3g}" for v in (verdict.low, verdict.high))
        return f"{effect} (95 %: {f'{low} .. {high}'.strip()}), {seeds}"


@dataclass(frozen=True)
class Outcome:
    """All that is known of an experiment at one budget."""

    experiment: Experiment
    budget: BudgetName
    data: str
    plan: Plan
    results: Mapping[str, Mapping[int, Result]]
    """By arm or ensemble, then by seed; what has been done."""
    findings: tuple[Finding, ...]

    @property
    def planned(self) -> int:
        """Number of networks and ensembles that are known to be needed."""
        return len(self.plan.all())

    @property
    def done(self) -> int:
        """How many of those there are results of."""
        found = {id(r) for results in self.results.values() for r in results.values()}
        return len(found)

    def values(self, value: Value) -> dict[int, float]:
        """Return a number of an arm by seed."""
        found = {seed: r.value(value.measure) for seed, r in self.results.get(value.arm, {}).items()}
        return {seed: number for seed, number in found.items() if number is not None}

    def at_least(self, value: Value) -> set[int]:
        """Return the seeds whose number is only a lower bound: an error that was never reached."""
        reached = REACHED.get(value.measure)
        found = self.results.get(value.arm, {}) if reached else {}
        return {seed for seed, result in found.items() if result.value(str(reached)) == 0}

    def to_json(self) -> dict[str, Any]:
        """Return plain values: each arm's numbers of every seed, and the verdicts."""
        return {
            "name": self.experiment.name,
            "data": self.data,
            "arms": {
                arm: {m: self.values(Value(arm, m)) for m in self.experiment.shown} for arm in self.results
            },
            "chosen_rates": dict(self.plan.chosen),
            "verdicts": [
                {
                    "says": finding.contrast.says,
                    "verdict": finding.verdict.word,
                    "effect": finding.verdict.effect,
                    "bound": finding.verdict.bound,
                    "interval": [finding.verdict.low, finding.verdict.high],
                    "seeds": finding.verdict.pairs,
                    "paper": finding.contrast.paper,
                }
                for finding in self.findings
            ],
        }


def outcome(experiment: Experiment, name: BudgetName, results: Results) -> Outcome:
    """Return what an experiment has come to at a budget.

    Raises:
        UsageError: it has no such budget.
    """
    planned = plan(experiment, name, results)
    found: dict[str, dict[int, Result]] = {}
    for arm, parts in planned.parts.items():
        done = {seed: results.find(part) for seed, part in parts.items()}
        found[arm] = {seed: result for seed, result in done.items() if result is not None}
    partial = Outcome(experiment, name, budget_of(experiment, name).base.data, planned, found, ())
    findings = tuple(Finding(c, _verdict(partial, c)) for c in experiment.contrasts)
    return Outcome(experiment, name, partial.data, planned, found, findings)


def is_share(measure: str) -> bool:
    """Say whether a measure is a fraction that people read as a percentage."""
    return any(word in measure for word in _PERCENT)


def _verdict(found: Outcome, contrast: Contrast) -> Verdict:
    left, right = found.values(contrast.left), found.values(contrast.right)
    seeds = sorted(left.keys() & right.keys())
    return judge(
        [left[seed] for seed in seeds],
        [right[seed] for seed in seeds],
        contrast.expects,
        by=contrast.by,
        margin=contrast.margin,
        at_least=(bool(found.at_least(contrast.left)), bool(found.at_least(contrast.right))),
    )
