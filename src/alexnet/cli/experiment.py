"""`alexnet experiment`: list, run, rerun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import UsageError

if TYPE_CHECKING:
    from alexnet.experiments.claim import BudgetName, Experiment
    from alexnet.experiments.part import Network
    from alexnet.experiments.results import Results
    from alexnet.experiments.run import Setting

RESULTS = Path("results")
SCRATCH = Path("runs/experiments")

experiment = App(
    name="experiment",
    help="The paper's claims, tried: list them, run them, do a result again.",
    help_format="plaintext",
    result_action="return_value",
)


@experiment.command(name="list")
def list_(*, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Name every experiment with its claim, source and budgets.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    from alexnet.core.terminal import table
    from alexnet.experiments.catalog.catalog import EXPERIMENTS
    from alexnet.experiments.describe import described

    if json:
        print_json({"experiments": [described(e) for e in EXPERIMENTS.values()]})
        return 0
    rows = [(e.name, ", ".join(e.budgets), e.claim) for e in EXPERIMENTS.values()]
    table(("experiment", "budgets", "claim"), rows)
    print("next: alexnet experiment run NAME --budget laptop --data NAME=WHERE")
    return 0


@experiment.command
def run(
    *names: str,
    budget: str = "laptop",
    data: Annotated[list[str] | None, Parameter(negative="")] = None,
    results: Path = RESULTS,
    scratch: Path = SCRATCH,
    jobs: int | None = None,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train and measure what experiments lack, and say what came out. Stopped, the same command goes on.

    Parameters
    ----------
    names
        Experiments, or all.
    budget
        smoke, laptop, gpu or full.
    data
        Where data is, as NAME=WHERE; may be repeated. By default its name says it (alexnet download NAME).
    results
        Folder of the results, a few kilobytes for each network.
    scratch
        Folder of runs whose weights are still needed.
    jobs
        Networks trained side by side; by default one for each core, on a GPU one.
    device
        auto, cpu, cuda or mps.
    json
        Print the verdicts as one JSON object.
    """
    from alexnet.experiments.results import Results

    chosen = _chosen(names, budget)
    found = Results(results)
    level: Any = budget
    _do(chosen, level, found, lambda networks: _setting(networks, data or [], scratch, jobs, device))
    return _say(chosen, level, found, json)


@experiment.command
def rerun(
    result: Path,
    *,
    data: Annotated[list[str] | None, Parameter(negative="")] = None,
    scratch: Path = SCRATCH,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train a result's network again, from its folder alone, and compare every number; exit 1 if one differs.

    Parameters
    ----------
    result
        A folder below results/.
    data
        Where data is, as NAME=WHERE; by default its name says it.
    scratch
        Folder for the run.
    device
        auto, cpu, cuda or mps.
    json
        Print one JSON object.
    """
    from alexnet.experiments.rerun import differences
    from alexnet.experiments.results import read_part

    part = read_part(result)
    setting = _setting(list(part.all()), data or [], scratch, 1, device)
    compared, differing = differences(result, part, setting)
    if json:
        print_json({"result": str(result), "compared": compared, "differing": differing})
    else:
        for line in differing:
            print(line)
        print(f"{compared - len(differing)} of {compared} numbers are the same")
    return 1 if differing else 0


def _chosen(names: tuple[str, ...], budget: str) -> list[Experiment]:
    from alexnet.core.names import nearest
    from alexnet.experiments.catalog.catalog import EXPERIMENTS, find_experiment
    from alexnet.experiments.claim import BUDGETS
    from alexnet.experiments.plan import budget_of

    level: Any = budget
    if budget not in BUDGETS:
        raise UsageError(f"{budget!r} is not a budget", remedy=nearest(budget, BUDGETS))
    if not names:
        raise UsageError("no experiment is named", remedy="alexnet experiment list")
    if names == ("all",):
        return [e for e in EXPERIMENTS.values() if level in e.budgets]
    chosen = [find_experiment(name) for name in names]
    for one in chosen:
        budget_of(one, level)
    return chosen


def _do(chosen: list[Experiment], level: BudgetName, found: Results, setting: Any) -> None:
    from alexnet.experiments.plan import is_finished, plan

    if all(is_finished(one, level, found) for one in chosen):
        return  # what follows imports torch
    from alexnet.experiments.run import run as do

    networks = [n for one in chosen for part in plan(one, level, found).all() for n in part.all()]
    do(chosen, level, found, setting(networks))


def _setting(networks: list[Network], data: list[str], scratch: Path, jobs: int | None, device: str) -> Setting:
    from alexnet.experiments.packs import open_packs, read_places
    from alexnet.experiments.run import Setting
    from alexnet.runs.devices import choose_device, usable_cores

    place = choose_device(device)
    names = {one.data for network in networks for one in network.all()}
    packs = open_packs(networks, read_places(data, names))
    return Setting(packs, scratch, place.type, jobs or (usable_cores() if place.type == "cpu" else 1))


def _say(chosen: list[Experiment], level: BudgetName, found: Results, json: bool) -> int:
    from alexnet.experiments.outcome import outcome

    outcomes = [outcome(e, level, found) for e in chosen]
    if json:
        print_json({"budget": level, "experiments": [o.to_json() for o in outcomes]})
        return 0
    for one in outcomes:
        print(f"\n{one.experiment.title} ({one.data}, {level})")
        for finding in one.findings:
            print(f"  {finding.verdict.word:<13}  {finding.sentence()}")
    return 0
