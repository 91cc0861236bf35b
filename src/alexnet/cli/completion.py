"""`alexnet completion`."""

from __future__ import annotations

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"]) -> int:
    """What a shell needs to complete verbs and options: eval "$(alexnet completion bash)" in its startup file.

    Parameters
    ----------
    shell
        bash, zsh or fish (there: alexnet completion fish | source).
    """
    from alexnet.cli.main import make_app

    print(make_app().generate_completion(shell=shell))
    return 0
