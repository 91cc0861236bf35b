"""`alexnet demo`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.allocator import keep_freed_memory


def demo(
    *,
    seed: int = 0,
    output_dir: Path | None = None,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Render a small picture set, train the paper's network on it and evaluate it: about five minutes on two cores.

    Parameters
    ----------
    seed
        Of the pictures and of the training.
    output_dir
        Where everything goes; by default a new folder under runs/.
    device
        auto, cpu, cuda or mps.
    json
        Print one JSON object.
    """
    keep_freed_memory()
    from dataclasses import asdict

    from alexnet.demo.demo import pictures, run_demo
    from alexnet.runs.devices import choose_device
    from alexnet.runs.folder import RunFolder
    from alexnet.runs.places import new_run_folder

    folder = output_dir or new_run_folder("demo")
    RunFolder(folder).make()
    print(
        f"The paper's network (60 million weights) on rendered pictures; everything goes to {folder}",
        file=sys.stderr,
    )
    result = run_demo(folder, seed, choose_device(device))
    if json:
        print_json(asdict(result))
        return 0
    for path in pictures(folder):
        print(f"look at {path}")
    print(f"run: {folder / 'run'}")
    print(f"next: alexnet evaluate {folder / 'run'} --views 10   (errors class by class)")
    print("      alexnet train alexnet --data PICTURES   (your own: a folder with one subfolder per class)")
    print(result)
    return 0
