"""Runs experiments: whatever has not been done, side by side, with progress; stopped at any time, they go on."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from alexnet.core.errors import AlexNetError, DataError, StoppedError
from alexnet.core.terminal import Progress
from alexnet.data.pack.read import Pack
from alexnet.experiments.claim import BudgetName, Experiment
from alexnet.experiments.order import Done, Order, PackKey, pack_key
from alexnet.experiments.part import Network, Part
from alexnet.experiments.plan import measures_of, plan
from alexnet.experiments.results import Results

_stopped: list[bool] = []
"""In a worker that was asked to stop: what it is handed after that, it does not begin."""


@dataclass(frozen=True)
class Setting:
    """Where experiments run."""

    packs: Mapping[PackKey, Path]
    scratch: Path
    device: str = "auto"
    jobs: int = 1
    """Networks trained side by side, each by a process of its own."""


def run(experiments: Iterable[Experiment], budget: BudgetName, results: Results, setting: Setting) -> int:
    """Do all that the experiments lack at a budget; return how many pieces were done.

    Raises:
        AlexNetError: a piece could not be done; those that were done are kept.
        StoppedError: asked to stop; the same call goes on.
    """
    experiments, done = list(experiments), 0
    digests = {key: Pack.open(path).digest for key, path in setting.packs.items()}
    with _workers(setting) as workers:
        while orders := _lacking(experiments, budget, results, setting):
            _check_data(experiments, budget, results, digests)
            with Progress("experiments", total=len(orders), unit="networks") as bar:
                for order, found in _finished(orders, workers, setting):
                    results.add(order.part, found.record, found.pictures)
                    bar.advance(1, last=order.part.label)
                    done += 1
    return done


def _lacking(
    experiments: list[Experiment], budget: BudgetName, results: Results, setting: Setting
) -> list[Order]:
    """Return the pieces that can be done now: networks first, then what is made of them."""
    parts: dict[str, Part] = {}
    measures: dict[str, set[str]] = {}
    kept: set[str] = set()
    trials: set[str] = set()
    for experiment in experiments:
        planned = plan(experiment, budget, results)
        kept |= planned.kept()
        trials |= {trial.part.digest for trial in planned.trials}
        for part in planned.all():
            parts[part.digest] = part
            measures.setdefault(part.digest, set()).update(measures_of(experiment, part))
    orders = []
    for digest, part in parts.items():
        if results.lacks(part, tuple(measures[digest])):
            before = results.find(part)
            asked = measures[digest] | set(before.measures if before else ())
            keep = digest in kept
            orders.append(
                Order(part, tuple(sorted(asked)), setting.packs, setting.scratch, setting.device, keep)
            )
    networks = [order for order in orders if isinstance(order.part, Network)]
    # One seed of everything, then the next: what is stopped early has something to say of every arm.
    networks.sort(key=lambda order: -1 if order.part.digest in trials else order.part.recipe.seed)
    return networks or orders


def _check_data(
    experiments: list[Experiment], budget: BudgetName, results: Results, digests: Mapping[PackKey, str]
) -> None:
    """Refuse to compare networks that saw different data under one name."""
    for experiment in experiments:
        for part in plan(experiment, budget, results).all():
            result = results.find(part)
            if result is None:
                continue
            pack = digests[pack_key(part.all()[0])]
            if result.record["data"]["pack_digest"] != pack:
                raise DataError(
                    f"is of another {part.data} than the one at hand",
                    where=result.folder,
                    remedy="give the same data, or other results: --results FOLDER",
                )


def _finished(
    orders: list[Order], workers: ProcessPoolExecutor, setting: Setting
) -> Iterator[tuple[Order, Done]]:
    """Hand out orders and yield each when it is done; two that need the same run are never done at once."""
    left, working = list(orders), dict[Future[Done], Order]()
    try:
        while left or working:
            while len(working) < setting.jobs and (order := _free(left, working.values())):
                left.remove(order)
                working[workers.submit(_work, order)] = order
            ready, _ = wait(working, return_when=FIRST_COMPLETED)
            for future in ready:
                yield working.pop(future), future.result()
    except BaseException:
        for future in working:
            future.cancel()
        raise


def _free(left: list[Order], working: Iterable[Order]) -> Order | None:
    """Return the first order that needs no run of those being done."""
    taken = frozenset[str]().union(*(order.runs for order in working))
    return next((order for order in left if taken.isdisjoint(order.runs)), None)


@contextlib.contextmanager
def _workers(setting: Setting) -> Iterator[ProcessPoolExecutor]:
    setting.scratch.mkdir(parents=True, exist_ok=True)
    threads = max(len(os.sched_getaffinity(0)) // setting.jobs, 1) if hasattr(os, "sched_getaffinity") else 1
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)  # what a worker's torch reads before anything of ours
    pool = ProcessPoolExecutor(
        setting.jobs, multiprocessing.get_context("spawn"), _quiet, (setting.scratch / "log.txt",)
    )
    passed_on = signal.signal(signal.SIGTERM, _pass_on)
    try:
        yield pool
    except (KeyboardInterrupt, StoppedError):
        raise StoppedError("stopped; what was trained is saved", remedy="the same command goes on") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        signal.signal(signal.SIGTERM, passed_on)
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _pass_on(*_: object) -> None:
    """Let the workers save, too: a batch system tells only the first process, a terminal's Ctrl-C all of them."""
    for worker in multiprocessing.active_children():
        worker.terminate()
    raise KeyboardInterrupt


def _quiet(log: Path) -> None:
    """Send what a worker prints to a file: the screen is the parent's."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def _work(order: Order) -> Done:
    from alexnet.core.allocator import keep_freed_memory
    from alexnet.experiments.work import do
    from alexnet.runs.devices import choose_device

    keep_freed_memory()
    threads = order.part.threads if isinstance(order.part, Network) else 0
    if _stopped:
        raise StoppedError("stopped")
    try:
        return do(order, choose_device(order.device, threads))
    except AlexNetError as error:
        if isinstance(error, StoppedError):
            _stopped.append(True)
        error.where = error.where or order.part.label
        raise
