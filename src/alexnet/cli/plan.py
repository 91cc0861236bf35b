"""`alexnet plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import UsageError

if TYPE_CHECKING:
    from alexnet.scaling.forecast import Forecast


def plan(
    network: str = "alexnet",
    *,
    ranks: str = "1,2,4,8,16,32,64",
    batch_size: int = 1024,
    machine: str = "h200",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """How long a step would take on several devices, and which way to share it is the fastest.

    A model, not a measurement: docs/scaling.md says what it counts and how far it was from runs that exist.

    Parameters
    ----------
    network
        Its name; `alexnet show` lists them.
    ranks
        Numbers of devices, each with one process.
    batch_size
        Images of a step, of all devices together.
    machine
        h200, k20, gtx580, or a TOML file with the numbers of another.
    json
        Print one JSON object.
    """
    from alexnet.nets.catalog import find_network
    from alexnet.scaling.forecast import forecasts, largest_useful
    from alexnet.scaling.machines import find_machine
    from alexnet.scaling.schemes import SCHEMES, refusal
    from alexnet.scaling.work import work_of

    place, work, counts = find_machine(machine), work_of(find_network(network)), _counts(ranks)
    for count in counts:
        if reason := refusal(work, SCHEMES["data"], count, batch_size):
            raise UsageError(reason, where="--ranks", remedy="a larger --batch-size, or fewer")
    rows = [row for count in counts for row in forecasts(work, place, count, batch_size)]
    kinds = dict.fromkeys(row.scheme.kind for row in rows)
    useful = {kind: largest_useful([row for row in rows if row.scheme.kind == kind]) for kind in kinds}
    if json:
        facts = {
            "network": work.network,
            "machine": place.name,
            "source": place.source,
            "batch_size": batch_size,
        }
        print_json(facts | {"forecasts": [_plain(row) for row in rows], "largest_useful": useful})
        return 0
    _print(rows, useful, f"{work.network}, {batch_size:,} images a step, on {place.name}")
    if place.source:
        print(f"{place.name}: {place.source}")
    return 0


def _counts(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise UsageError(
            f"{text!r} is not a list of numbers", where="--ranks", remedy="write e.g. --ranks 1,2,4"
        )
    return sorted({int(part) for part in parts})


def _plain(row: Forecast) -> dict[str, Any]:
    step = row.step
    return {
        "ranks": row.ranks,
        "scheme": row.scheme.name,
        "images_per_second": step.images_per_second,
        "speedup": row.speedup,
        "efficiency": row.efficiency,
        "seconds": step.seconds,
        "parts": {name: getattr(step, name) for name in ("compute", "update", "link", "input")},
    }


def _print(rows: list[Forecast], useful: dict[str, int], title: str) -> None:
    from alexnet.core.terminal import table
    from alexnet.core.words import percent, short

    print(f"{title}: milliseconds of a step, the fastest way first\n")
    headers = (
        "ranks",
        "way",
        "images/s",
        "speedup",
        "efficiency",
        "step",
        "compute",
        "update",
        "link",
        "input",
    )
    cells = []
    for row in rows:
        step = row.step
        times = (step.seconds, step.compute, step.update, step.link, step.input)
        rates = short(step.images_per_second), short(row.speedup), percent(row.efficiency)
        cells.append((row.ranks, row.scheme.name, *rates, *(short(1000 * seconds) for seconds in times)))
    table(headers, cells)
    limits = ", ".join(f"{kind} {ranks or 'nowhere'}" for kind, ranks in useful.items())
    print(f"\nat least half of every device is used up to, of these numbers of ranks: {limits}")
    print("a model, compared with published and measured runs in docs/scaling.md")
