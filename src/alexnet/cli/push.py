"""`alexnet push`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from alexnet.cli.output import print_json


def push(  # noqa: PLR0913 - the command's options
    run: Path,
    name: str,
    *,
    private: Annotated[bool, Parameter(negative="")] = False,
    revision: str | None = None,
    checkpoint: str = "last",
    model: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Send a run to the Hugging Face hub: its network, its config and a card (extra `hub`).

    It is sent as whoever `hf auth login` or HF_TOKEN says.

    Parameters
    ----------
    run
        Folder of a run or of a checkpoint.
    name
        OWNER/NAME; made where it does not exist.
    private
        Let a new one be seen by its owner alone.
    revision
        A branch; by default the main one.
    checkpoint
        last, best, or a step.
    model
        What makes the network of a run whose network is your own: package.module:factory.
    dry_run
        Say what would be sent, and send nothing.
    json
        Print one JSON object.
    """
    from alexnet.core.files import human_bytes
    from alexnet.export.push import push as send
    from alexnet.runs.predictor import load

    pushed = send(load(run, checkpoint, model=model), name, private=private, revision=revision, dry_run=dry_run)
    if json:
        print_json(asdict(pushed))
        return 0
    for file, size in pushed.files.items():
        print(f"{file:20} {human_bytes(size)}")
    print(f"{pushed.name}: {pushed.address or 'nothing was sent'}")
    if pushed.address:
        print(f"next: alexnet predict hf-hub:{name} PICTURE...")
    return 0
