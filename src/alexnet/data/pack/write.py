"""A source becomes a pack: shards by several processes, restartable, the same bytes however it went."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from alexnet.core.errors import StorageError, UsageError
from alexnet.core.files import TEMPORARY, commit_bytes, discard, reserve, storage_error
from alexnet.core.lock import FolderLock
from alexnet.data.pack.estimate import estimate_plan
from alexnet.data.pack.manifest import MANIFEST, read_manifest
from alexnet.data.pack.picture import UNREADABLE
from alexnet.data.pack.plan import PackSettings, Plan, make_plan
from alexnet.data.pack.pool import make_shards
from alexnet.data.pack.shard import shard_name
from alexnet.data.pack.shard_maker import STATISTICS_SPLIT, WORK, ShardMaker
from alexnet.data.pack.totals import Totals
from alexnet.data.quarantine import QUARANTINE
from alexnet.data.source import Source
from alexnet.data.strict_json import from_plain, parse_json, to_json

PLAN = "plan.json"


@dataclass(frozen=True, kw_only=True)
class PackProgress:
    """How far a packing is; shards kept from an earlier start count as done."""

    images: int
    images_total: int
    shards: int
    shards_total: int
    bytes: int
    quarantined: int


def pack_source(
    source: Source,
    out: Path,
    settings: PackSettings,
    *,
    workers: int | None = None,
    progress: Callable[[PackProgress], None] | None = None,
) -> Path:
    """Pack `source` into the folder `out`, or finish what an earlier call began, and return the folder.

    The bytes depend on the source and the settings alone. A folder that holds the finished pack is left as it
    is. With more than one worker, a script must guard its entry with `if __name__ == "__main__"`, as for every
    use of Python's process pools.

    Args:
        source: Labelled pictures; picklable when there are several workers.
        out: Folder to fill; created when missing.
        settings: How to pack.
        workers: Processes; every processor by default. One means this process.
        progress: Called after the shards found finished, and after every further one.

    Raises:
        UsageError: `out` holds something else.
        DataError: the source cannot be packed, or too many of its pictures are unusable.
        StorageError: the disk is full or failing, the folder is in use, or a process was killed. The same call
            continues with the shards that were finished.
    """
    out = Path(out)
    plan = make_plan(source, settings)
    if not _holds(out, plan):
        with FolderLock(_claim(out)):
            if not _holds(out, plan):
                _adopt(out, plan)
                _Packing(source, out, plan, settings).run(workers or os.cpu_count() or 1, progress or _silent)
    discard(out / WORK)
    return out


def _holds(out: Path, plan: Plan) -> bool:
    """Say whether the finished pack of this plan is there; refuse another."""
    if not (out / MANIFEST).exists():
        return False
    if difference := read_manifest(out).plan.differences(plan):
        raise _other(out, f"a pack made otherwise ({difference})")
    return True


def _claim(out: Path) -> Path:
    """Create the pack's folder and its work folder; refuse a folder with other things in it."""
    work = out / WORK
    try:
        if out.exists() and not work.is_dir() and any(out.iterdir()):
            raise _other(out, "other files")
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, out) from error
    return work


def _adopt(out: Path, plan: Plan) -> None:
    """Make the unfinished pack in `out` this plan's, clearing what a killed process left half written."""
    # The lock makes these files nobody's, even where their writer's id still exists: in a container without an
    # init process, the workers of a killed packing stay in the process table.
    for leftover in (*out.glob(f"{TEMPORARY}*"), *(out / WORK).glob(f"{TEMPORARY}*")):
        with suppress(OSError):
            leftover.unlink()
    path = out / WORK / PLAN
    if path.exists():
        try:
            found: Plan = from_plain(Plan, parse_json(path.read_bytes()), "plan")
        except (OSError, ValueError):
            raise _other(out, "an unfinished pack of another release") from None
        if difference := found.differences(plan):
            raise _other(out, f"an unfinished pack made otherwise ({difference})")
    else:
        commit_bytes(path, to_json(plan) + b"\n")


class _Packing:
    """One call of `pack_source` on a folder that it owns."""

    def __init__(self, source: Source, out: Path, plan: Plan, settings: PackSettings):
        self.source, self.out, self.plan, self.settings = source, out, plan, settings
        self.maker = ShardMaker(source, plan, out)
        self.totals = Totals(source, plan, settings.limits)

    def run(self, workers: int, progress: Callable[[PackProgress], None]) -> None:
        """Make what is missing and commit the manifest."""
        todo = [shard for shard in self.plan.shards() if not self._keep(*shard)]
        self._reserve(todo)
        self._report(progress)
        with closing(make_shards(self.maker, todo, workers)) as finished:
            for shard in finished:
                if (result := self.maker.result(*shard)) is None:
                    raise StorageError(
                        f"what was written of {shard_name(*shard)} cannot be read back", where=self.out
                    )
                self.totals.add(*shard, *result)
                self._report(progress)
        self.totals.commit(self.out)

    def _keep(self, split: str, number: int) -> bool:
        """Count in a shard that an earlier call finished, unless the source failed it then and may not now."""
        result = self.maker.result(split, number)
        if result is None or any(row.code == UNREADABLE for row in result[0].quarantine):
            return False
        self.totals.add(split, number, *result)
        return True

    def _reserve(self, todo: list[tuple[str, int]]) -> None:
        """Refuse to begin what the disk cannot hold: the missing shards and the sums kept until the end."""
        if not todo:
            return
        missing = sum(len(self.plan.items(*shard)) for shard in todo)
        cost = estimate_plan(self.source, self.plan, self.settings.jpeg_quality)
        height, width, channels = self.plan.shape
        sums = 4 * height * width * channels * sum(split == STATISTICS_SPLIT for split, _ in todo)
        reserve(self.out, cost.bytes * missing // cost.images + sums)

    def _report(self, progress: Callable[[PackProgress], None]) -> None:
        """Tell how far it is, and stop, leaving the listing, when too many pictures are unusable."""
        totals = self.totals
        progress(
            PackProgress(
                images=totals.images,
                images_total=sum(self.plan.splits.values()),
                shards=totals.shards,
                shards_total=len(self.plan.shards()),
                bytes=totals.bytes,
                quarantined=len(totals.quarantine),
            )
        )
        if totals.quarantine.excess():
            commit_bytes(self.out / QUARANTINE, totals.quarantine.to_bytes())
            totals.quarantine.check(self.out / QUARANTINE)


def _other(out: Path, what: str) -> UsageError:
    return UsageError(f"holds {what}", where=out, remedy="choose another folder, or remove this one")


def _silent(_: PackProgress) -> None:
    pass
