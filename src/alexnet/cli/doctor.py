"""`alexnet doctor`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from alexnet.cli.output import print_json


def doctor(*, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """What this machine offers and what to do where something is missing.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    from alexnet.core.terminal import table
    from alexnet.runs.doctor import examine

    findings = examine()
    if json:
        print_json({f.name: {"value": f.value, "remedy": f.remedy} for f in findings})
        return 0
    table(("what", "found", "what to do"), [(f.name, f.value, f.remedy or "") for f in findings])
    return 0
