"""`alexnet download`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from alexnet.cli.output import print_json


def download(
    name: str | None = None,
    /,
    *,
    folder: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Fetch a public dataset, resuming what was begun and checking every byte; without NAME, list them.

    Parameters
    ----------
    name
        cifar10, cifar100, mnist, fashion-mnist, imagenette, tiny-imagenet, ...
    folder
        Where to put it; by default the cache, where `--data NAME` finds it.
    json
        Print one JSON object.
    """
    from alexnet.core.files import human_bytes
    from alexnet.core.terminal import Progress, table
    from alexnet.data.download import DownloadProgress
    from alexnet.data.download import download as fetch
    from alexnet.data.known import KNOWN, known_dataset

    if name is None:
        if json:
            print_json({key: {"about": known.about, "bytes": known.size} for key, known in KNOWN.items()})
        else:
            table(("name", "size", "what"), [(k, human_bytes(d.size), d.about) for k, d in KNOWN.items()])
        return 0
    dataset = known_dataset(name)
    with Progress(f"downloading {name}", total=dataset.size, unit="bytes") as bar:
        seen: dict[str, int] = {}

        def advance(state: DownloadProgress) -> None:
            bar.advance(state.done - seen.get(state.file, 0), file=state.file)
            seen[state.file] = state.done

        path = fetch(name, folder, progress=advance)
    if json:
        print_json({"name": name, "path": str(path)})
    else:
        print(f"{name}: {path}")
    return 0
