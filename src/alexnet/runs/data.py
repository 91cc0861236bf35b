"""From whatever a person names as data to an open pack."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from alexnet.core.cache import cache_folder, downloads_folder, packs_folder
from alexnet.core.errors import DataError, RecipeError, UsageError
from alexnet.core.files import human_bytes, remove_leftovers
from alexnet.core.terminal import Progress
from alexnet.data.known import KNOWN
from alexnet.data.pack.estimate import Estimate, estimate
from alexnet.data.pack.plan import PackSettings, make_plan
from alexnet.data.pack.read import Pack
from alexnet.data.pack.write import PackProgress, pack_source
from alexnet.data.source import Source
from alexnet.data.sources.detect import open_source
from alexnet.data.sources.options import SourceOptions
from alexnet.runs.recipe import DataConfig

DEMO = "demo"


def find_source(where: str | Path, options: SourceOptions, format: str | None = None) -> Source:
    """Open a source by path or known name.

    Args:
        format: Reader to use; recognized from the content by default.

    Raises:
        UsageError: a known name that has not been downloaded; says how.
        DataError: nothing usable is there.
    """
    name = str(where)
    if name == DEMO:
        from alexnet.data.sources.rendered import rendered_source

        return rendered_source(seed=options.seed)
    path = Path(where)
    if name in KNOWN and not path.exists():
        files = KNOWN[name].files
        path = downloads_folder() / name
        if not all((path / file.name).is_file() for file in files):
            raise UsageError(f"{name} has not been downloaded", remedy=f"run: alexnet download {name}")
        path = path / files[0].name if len(files) == 1 else path
    work_folder = cache_folder()
    work_folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(work_folder)
    return open_source(
        path,
        format=format,
        val_fraction=options.val_fraction,
        seed=options.seed,
        subset=options.subset,
        work_folder=work_folder,
    )


def pack_settings(config: DataConfig, source: Source) -> PackSettings:
    """Return how a recipe wants a source packed. The photographs of ILSVRC are taken as stored, as in 2012:
    their orientation marks are not obeyed."""
    return PackSettings(
        size=None if config.size == "native" else config.size,
        filter=config.filter,
        encoding=config.encoding,
        channels=config.channels,
        exif_rotate=not source.info.kind.startswith("ilsvrc"),
    )


def open_data(
    where: str | Path,
    config: DataConfig,
    options: SourceOptions,
    *,
    format: str | None = None,
    num_classes: int | None = None,
    workers: int | None = None,
) -> Pack:
    """Open a pack, or pack a source once into the cache and open that.

    Args:
        where: A pack, a source's path, a known dataset's name, or `demo`.
        config: How the recipe wants it.
        options: How a source is read.
        format: Reader to use; recognized from the content by default.
        num_classes: Refuse any other number before packing begins.
        workers: Packing processes.

    Raises:
        DataError: it cannot be used.
        RecipeError: it has another number of classes.
    """
    if (Path(where) / "pack.json").is_file() and format is None:
        pack = Pack.open(Path(where))
        wanted = config.size
        if isinstance(wanted, int) and pack.shape[0] != wanted:
            raise DataError(
                f"holds {pack.shape[0]}-pixel pictures, the recipe wants {wanted}",
                where=where,
                remedy=f"pack the source with --size {wanted}, or --set data.size={pack.shape[0]}",
            )
        return pack
    source = find_source(where, options, format)
    require_classes(num_classes, len(source.info.classes))
    settings = pack_settings(config, source)
    plan = make_plan(source, settings)
    name = re.sub(r"[^\w.-]+", "-", Path(source.info.path).name) or source.info.kind
    out = packs_folder() / f"{name}-{hashlib.sha256(plan.digest.encode()).hexdigest()[:12]}"
    if (out / "pack.json").is_file():
        return Pack.open(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    return pack_to(source, out, settings, workers=workers)


def require_classes(expected: int | None, found: int) -> None:
    """Refuse data with another number of classes than a recipe states.

    Raises:
        RecipeError: gives both numbers.
    """
    if expected not in (None, found):
        raise RecipeError(
            f"the recipe is for {expected} classes, the data has {found}",
            where="model.num_classes",
            remedy=f"--set model.num_classes={found}",
        )


def pack_to(source: Source, out: Path, settings: PackSettings, *, workers: int | None = None) -> Pack:
    """Pack a source into a folder with progress, the cost said before."""
    cost = estimate(source, settings)
    with Progress("packing", total=cost.images, unit="images") as bar:
        bar.say(cost_line(cost, out))
        if ignored := getattr(source, "ignored", {}):
            bar.say(
                "passed over: " + ", ".join(f"{count} {reason}" for reason, count in ignored.items() if count)
            )
        pack_source(source, out, settings, workers=workers, progress=lambda state: _advance(bar, state))
    return Pack.open(out)


def _advance(bar: Progress, state: PackProgress) -> None:
    fields = {"quarantined": str(state.quarantined)} if state.quarantined else {}
    bar.advance(state.images - bar.done, **fields)


def cost_line(cost: Estimate, out: Path) -> str:
    """Return one line that names the cost of both encodings."""
    height, width, channels = cost.shape
    raw = f"raw {human_bytes(cost.bytes_raw)} (read at once)"
    jpeg = f"jpeg about {human_bytes(cost.bytes_jpeg)} (decoded at each use)" if cost.bytes_jpeg else "jpeg"
    chosen = "raw" if cost.encoding == "raw" else "jpeg"
    return (
        f"{cost.images} pictures of {height}x{width}x{channels} to {out}: {raw}, {jpeg}; packing as {chosen}"
        + (", --encoding jpeg for the other" if chosen == "raw" else ", --encoding raw for the other")
    )


def known_names() -> Sequence[str]:
    """Return the names that stand for data without being a path."""
    return (DEMO, *KNOWN)
