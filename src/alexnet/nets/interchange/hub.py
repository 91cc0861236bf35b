"""Folders of a model hub, `hf-hub:OWNER/NAME`: their few files, and none that could run anything."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from alexnet.core.errors import UsageError, printable

PREFIX = "hf-hub:"
FILES = ("config.json", "model.safetensors", "MANIFEST.json", "README.md")
"""What a folder of `alexnet export` or `alexnet push` has; nothing else is fetched."""
_REFERENCE = re.compile(r"(?P<name>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[\w./-]+))?")


def is_on_hub(where: str | Path) -> bool:
    """Say whether this is a name on the hub, and no path."""
    return str(where).startswith(PREFIX)


def require_hub() -> None:
    """Refuse where the hub's library is not installed.

    Raises:
        UsageError: it is not; names the extra.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UsageError("the hub needs huggingface_hub", remedy='run: pip install "alexnet[hub]"')


def fetched(where: str | Path) -> Path:
    """Return the folder of a model on the hub: from the library's cache, or fetched into it.

    Args:
        where: `hf-hub:OWNER/NAME` or `hf-hub:OWNER/NAME@REVISION`.

    Raises:
        UsageError: the name is none, there is no such model, it has not these files, or the hub cannot be reached.
    """
    found = _REFERENCE.fullmatch(str(where).removeprefix(PREFIX))
    if found is None:
        raise UsageError(
            "is no name on the hub",
            where=where,
            remedy=f"write {PREFIX}OWNER/NAME or {PREFIX}OWNER/NAME@REVISION",
        )
    require_hub()
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(found["name"], revision=found["revision"], allow_patterns=list(FILES)))
    except (
        Exception
    ) as error:  # the library's errors, those of its transport and of the disk have no common kind
        first = printable(str(error).strip().splitlines()[0]) if str(error).strip() else type(error).__name__
        raise UsageError(f"cannot be fetched ({first})", where=where) from error
    if missing := [name for name in FILES[:3] if not (folder / name).is_file()]:
        raise UsageError(
            f"has no {missing[0]}", where=where, remedy="only what `alexnet push` wrote can be read"
        )
    return folder
