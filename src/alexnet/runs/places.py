"""Where a run goes when nobody says."""

from pathlib import Path


def new_run_folder(name: str, root: Path = Path("runs")) -> Path:
    """Return the first folder `runs/<name>-<number>` that does not exist."""
    number = 1
    while (root / f"{name}-{number}").exists():
        number += 1
    return root / f"{name}-{number}"
