"""`alexnet bench`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import StorageError, UsageError

if TYPE_CHECKING:
    from alexnet.bench.result import Result


def bench(  # noqa: PLR0913 - the command's options
    *names: str,
    peers: str | None = None,
    rounds: int = 5,
    seconds_per_round: float = 3.0,
    device: str = "auto",
    data: Path | None = None,
    pictures: int | None = None,
    python: Annotated[list[str] | None, Parameter(negative="")] = None,
    save: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure this program beside others on this machine: alexnet bench train/alexnet/bf16/128.

    Without a name it lists the benchmarks. Every contestant has a process of its
    own and they take turns, one at a time; a peer that is not installed is named
    with the reason. benchmarks/README.md says how to read a result.

    Parameters
    ----------
    names
        Benchmarks, their beginnings (train) or patterns ('*/bf16/*').
    peers
        Whom to measure beside: names with commas between them, or none; by default all.
    rounds
        Turns of each contestant.
    seconds_per_round
        Length of a turn, about.
    device
        auto, cpu, cuda or mps.
    data
        Folder of photographs for pack; by default synthetic ones.
    pictures
        Size of the training set for feed; by default ImageNet's 1,281,167.
    python
        PEER=INTERPRETER runs a peer in another environment; may be repeated.
    save
        Write the results to this file, with machine, versions and commit.
    json
        Print one JSON object, a list of them for several benchmarks.
    """
    if not names:
        return _list(json)
    if rounds < 1 or not 0 < seconds_per_round <= 3600:
        raise UsageError("--rounds must be at least 1 and --seconds-per-round above 0, at most 3600")
    if pictures is not None and pictures < 1:
        raise UsageError(f"--pictures must be at least 1, not {pictures}")
    if save and not save.parent.is_dir():
        raise StorageError("the folder does not exist", where=save.parent, remedy="create it first")
    from alexnet.bench.bench import Report
    from alexnet.bench.bench import bench as measure
    from alexnet.bench.entries import contestants, select
    from alexnet.bench.harness import Settings
    from alexnet.core.files import commit_json
    from alexnet.runs.devices import choose_device

    place = choose_device(device)
    entries = select(names, place.type)
    pythons = _pythons(python or [])
    taking_part = contestants(entries, peers, pythons)
    settings = Settings(rounds=rounds, seconds=seconds_per_round, pythons=pythons)
    report, results = Report(place, settings), []
    for entry in entries:
        results.append(measure(entry, taking_part[entry.name], settings, place.type, data, pictures))
        report.add(results[-1])
        if save:
            commit_json(save, report.to_json())
        if not json:
            _print(results[-1])
    if json:
        values = [result.to_json() for result in results]
        print_json(values[0] if len(values) == 1 else values)
    if failed := next((result for result in results if not result.ours.counts), None):
        print(
            f"alexnet: our side of {failed.name} failed: {failed.ours.failed or failed.ours.absent}",
            file=sys.stderr,
        )
        return 1
    return 0


def _list(json: bool) -> int:
    from alexnet.bench.entries import OURS, list_entries
    from alexnet.core.terminal import table

    entries = list_entries()
    peers = {e.name: [c.name for c in e.contestants if c.name != OURS] for e in entries}
    if json:
        print_json([{"name": e.name, "peers": peers[e.name], "needs_cuda": e.needs_cuda} for e in entries])
        return 0
    rows = [(e.name, ", ".join(peers[e.name]), "CUDA" if e.needs_cuda else "") for e in entries]
    table(("benchmark", "beside", "needs"), rows)
    return 0


def _pythons(chosen: list[str]) -> dict[str, str]:
    found = {}
    for text in chosen:
        name, separator, path = text.partition("=")
        if not (name and separator and path):
            raise UsageError(f"--python {text} is not PEER=INTERPRETER")
        found[name] = path
    return found


def _print(result: Result) -> None:
    from alexnet.core.terminal import table

    print(f"\n{result.name} on {result.device}")
    table(*result.table())
    if (best := result.best_peer) and (ratios := result.ratios(best)):
        ratio, low, high = ratios
        print(f"{ratio:.2f} x {best.name}, the best of the others ({low:.2f} .. {high:.2f} by round)")
