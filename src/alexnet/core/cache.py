"""Where files live that can be fetched or made again: downloads and packs.

`$ALEXNET_CACHE`, else `$XDG_CACHE_HOME/alexnet`, else `~/.cache/alexnet`; on Windows
`%LOCALAPPDATA%\\alexnet`. Everything in it may be deleted at any time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alexnet.core.errors import UsageError


def cache_folder() -> Path:
    """Return the root of the cache as an absolute path; nothing is created.

    Raises:
        UsageError: the home folder cannot be found, or `ALEXNET_CACHE` is not an absolute path.
    """
    try:
        if chosen := os.environ.get("ALEXNET_CACHE"):
            return _absolute(chosen)
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "alexnet"
        shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
        # The XDG base directory specification tells programs to ignore a relative path here.
        return (shared if shared.is_absolute() else Path.home() / ".cache") / "alexnet"
    except RuntimeError:
        raise UsageError("the home folder cannot be found", remedy="set ALEXNET_CACHE to a folder") from None


def downloads_folder() -> Path:
    """Return where public datasets are downloaded to: one folder for each, inside the cache."""
    return cache_folder() / "downloads"


def packs_folder() -> Path:
    """Return where packs are made when no place is named: inside the cache."""
    return cache_folder() / "packs"


def _absolute(chosen: str) -> Path:
    folder = Path(chosen).expanduser()
    if not folder.is_absolute():
        raise UsageError(
            f"ALEXNET_CACHE is {chosen!r}, which is another folder in every working directory",
            remedy="set it to an absolute path",
        )
    return folder
