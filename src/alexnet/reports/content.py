"""What a report says, in plain values: the page and the Markdown are two ways of writing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alexnet.experiments.claim import BudgetName, Value
from alexnet.experiments.outcome import Finding, Outcome, is_share, outcome
from alexnet.experiments.plan import budget_of
from alexnet.experiments.results import Result, Results
from alexnet.reports import charts
from alexnet.reports.numbers import each, mean_and_spread, unit, words

DATA_WORDS = {
    "cifar10": "CIFAR-10",
    "mnist": "MNIST",
    "tiny-imagenet-40": "Tiny ImageNet, 40 classes",
    "ilsvrc2012": "ILSVRC-2012",
    "demo": "rendered pictures",
}
PRIVATE_PICTURES = ("tiny-imagenet-40", "ilsvrc2012")
"""Data whose pictures are not shown in a page that may be passed on."""


@dataclass(frozen=True)
class Row:
    """An arm's numbers."""

    arm: str
    cells: tuple[str, ...]
    """Mean and spread of each measure."""
    seeds: tuple[str, ...]
    """Every seed's numbers of each measure, in order."""


@dataclass(frozen=True)
class Section:
    """An experiment."""

    outcome: Outcome
    data: str
    """In words, with how many images were trained on."""
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    drawings: Mapping[str, str]
    """SVG by a file name without ending."""
    pictures: Mapping[str, bytes]
    """PNG by file name."""
    confusion: tuple[str, list[str], list[list[int]]] | None
    """Arm, class names and counts."""
    rates: tuple[str, ...]
    command: str
    rerun: str
    cost: str
    made_on: tuple[str, ...]
    """Commits and machines."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The verdicts."""
        return self.outcome.findings

    @property
    def anchor(self) -> str:
        """The section's name in an address."""
        return self.outcome.experiment.name


def sections(experiments: Iterable, level: BudgetName, results: Results) -> list[Section]:
    """Return the experiments that have results at a budget."""
    found = []
    for experiment in experiments:
        if level in experiment.budgets:
            one = outcome(experiment, level, results)
            if any(finding.verdict.pairs for finding in one.findings):
                found.append(_section(one, level))
    return found


def _section(one: Outcome, level: BudgetName) -> Section:
    experiment = one.experiment
    done = [result for seeds in one.results.values() for result in seeds.values()]
    first = done[0]
    measured = [m for m in experiment.shown if any(r.value(m) is not None for r in done)]
    return Section(
        outcome=one,
        data=_data(one, level, done),
        head=tuple(f"{words(m)}{unit(m)}" for m in measured),
        rows=tuple(_row(one, arm, measured) for arm, seeds in one.results.items() if seeds),
        drawings=_drawings(one, measured),
        pictures=_pictures(one, first),
        confusion=_confusion(one),
        rates=tuple(f"{arm}: {factor:g} times the recipe's" for arm, factor in one.plan.chosen.items()),
        command=f"alexnet experiment run {experiment.name} --budget {level} --data {one.data}=WHERE",
        rerun=f"alexnet experiment rerun {first.folder.as_posix()} --data {one.data}=WHERE",
        cost=_cost(done),
        made_on=_made_on(done),
    )


def _row(one: Outcome, arm: str, measured: list[str]) -> Row:
    numbers = [(m, *_numbers(one, Value(arm, m))) for m in measured]
    return Row(arm, tuple(mean_and_spread(*n) for n in numbers), tuple(each(*n) for n in numbers))


def _numbers(one: Outcome, value: Value) -> tuple[list[float], list[bool]]:
    by_seed, at_least = one.values(value), one.at_least(value)
    return list(by_seed.values()), [seed in at_least for seed in by_seed]


def _drawings(one: Outcome, measured: list[str]) -> dict[str, str]:
    experiment, found = one.experiment, {}
    if measured and len(one.results) > 1:
        first = measured[0]
        arms = {arm: _numbers(one, Value(arm, first)) for arm in one.results}
        found[f"{experiment.name}-arms"] = charts.dots(
            {arm: values for arm, (values, _) in arms.items() if values},
            words(first) + unit(first),
            scale=100.0 if is_share(first) else 1.0,
            at_least={arm: ends for arm, (_, ends) in arms.items()},
        )
    if experiment.curve:
        lines = {
            arm: [c for r in seeds.values() if (c := r.curve(experiment.curve))]
            for arm, seeds in one.results.items()
        }
        if any(lines.values()):
            found[f"{experiment.name}-curves"] = charts.curves(
                lines,
                f"{words(experiment.curve)} (%)",
                scale=100.0,
                line=experiment.line,
                crossings=dict(experiment.crossings),
            )
    for path, text in experiment.profiles:
        layers = {
            arm: [v for r in seeds.values() if (v := r.by_layer(path))] for arm, seeds in one.results.items()
        }
        if layers := {arm: seeds for arm, seeds in layers.items() if seeds}:
            found[f"{experiment.name}-{path.replace('.', '-')}"] = charts.profiles(layers, text)
    return found


def _pictures(one: Outcome, first: Result) -> dict[str, bytes]:
    if one.data in PRIVATE_PICTURES:
        return {}
    files = {path.name: path for path in first.pictures()}
    return {
        f"{one.experiment.name}-{name}": files[name].read_bytes()
        for name in one.experiment.pictures
        if name in files
    }


def _confusion(one: Outcome) -> tuple[str, list[str], list[list[int]]] | None:
    """Return the counts of all seeds of the first arm that has them."""
    for arm, seeds in one.results.items():
        tests = [r.measures["test"] for r in seeds.values() if "confusion" in r.measures.get("test", {})]
        if tests and len(tests[0]["classes"]) <= 12:
            total = [
                [sum(cells) for cells in zip(*rows, strict=True)]
                for rows in zip(*(t["confusion"] for t in tests), strict=True)
            ]
            return arm, list(tests[0]["classes"]), total
    return None


def _data(one: Outcome, level: BudgetName, done: list[Result]) -> str:
    name = DATA_WORDS.get(one.data, one.data)
    counts = sorted({r.record["data"].get("trained_on", 0) for r in done} - {0})
    trained = " or ".join(f"{count:,}" for count in counts[:4]) if counts else "?"
    recipe = budget_of(one.experiment, level).base.recipe
    return f"{name}, {trained} training images, recipe {recipe}"


def _cost(done: list[Result]) -> str:
    seconds = sum(r.value("cost.seconds") or 0.0 for r in done)
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{len(done)} results, {hours} h {minutes} min of training"


def _made_on(done: list[Result]) -> tuple[str, ...]:
    lines = set()
    for result in done:
        e = result.record.get("environment", {})
        commit = (e.get("commit") or "unknown")[:10]
        lines.add(
            f"commit {commit}, torch {e.get('torch')}, {e.get('device')} {e.get('capability')}, {e.get('system')}"
        )
    return tuple(sorted(lines))
