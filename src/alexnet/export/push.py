"""A run on a model hub: the folder of `alexnet export`, sent with the hub's own library."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from alexnet.core.errors import AlexNetError, UsageError, printable
from alexnet.export.hub import write_hub_folder
from alexnet.nets.interchange.hub import FILES, require_hub
from alexnet.runs.predictor import Predictor


@dataclass(frozen=True)
class Pushed:
    """What was, or would be, sent."""

    name: str
    files: dict[str, int]
    """Bytes by name."""
    address: str | None
    """Where it is now; None: nothing was sent."""


def push(
    predictor: Predictor,
    name: str,
    *,
    private: bool = False,
    revision: str | None = None,
    dry_run: bool = False,
) -> Pushed:
    """Send a run's network, its config and its card, as whom the hub's library knows (`hf auth login`, HF_TOKEN).

    Args:
        name: `OWNER/NAME`; made where it does not exist.
        private: Whether a new one is seen by its owner alone.
        revision: A branch; by default the main one.
        dry_run: Write the folder, send nothing; needs no network.

    Raises:
        UsageError: the name is none, the run is a baseline, or the library is not installed.
        AlexNetError: the hub refused, or was not reached.
    """
    if name.count("/") != 1 or not all(name.split("/")):
        raise UsageError(f"{name!r} is no name on a hub", remedy="write OWNER/NAME")
    if not dry_run:
        require_hub()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "model"
        write_hub_folder(predictor, folder)
        files = {one: (folder / one).stat().st_size for one in FILES}
        address = None if dry_run else _send(folder, name, private, revision)
    return Pushed(name, files, address)


def _send(folder: Path, name: str, private: bool, revision: str | None) -> str:
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(name, branch=revision, exist_ok=True)
        sent = api.upload_folder(
            repo_id=name, folder_path=str(folder), revision=revision, commit_message="alexnet push"
        )
    except Exception as error:  # as in nets/interchange/hub.py
        first = printable(str(error).strip().splitlines()[0]) if str(error).strip() else type(error).__name__
        raise AlexNetError(f"was not sent ({first})", where=name) from error
    return str(sent)
