"""`alexnet report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from alexnet.cli.output import print_json


def report(
    *,
    results: Path = Path("results"),
    budget: str = "laptop",
    output: Annotated[Path, Parameter(name=("--output", "-o"))] = Path("report"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write what the experiments came to as one HTML page and as Markdown, from their results alone.

    Parameters
    ----------
    results
        Folder of the results.
    budget
        smoke, laptop, gpu or full: which of them.
    output
        Where to: OUTPUT.html, OUTPUT.md, and the Markdown's pictures in OUTPUT/.
    json
        Print every number and verdict as one JSON object, too.
    """
    from alexnet.core.errors import UsageError
    from alexnet.core.files import commit_bytes
    from alexnet.core.names import nearest
    from alexnet.experiments.catalog.catalog import EXPERIMENTS
    from alexnet.experiments.claim import BUDGETS
    from alexnet.experiments.results import Results
    from alexnet.reports.content import sections
    from alexnet.reports.markdown import files, to_markdown
    from alexnet.reports.page import to_html

    if budget not in BUDGETS:
        raise UsageError(f"{budget!r} is not a budget", remedy=nearest(budget, BUDGETS))
    level: Any = budget
    found = sections(EXPERIMENTS.values(), level, Results(results))
    if not found:
        raise UsageError(
            f"holds no result of the budget {budget}",
            where=results,
            remedy=f"alexnet experiment run all --budget {budget}",
        )
    page, text = output.with_name(output.name + ".html"), output.with_name(output.name + ".md")
    output.mkdir(parents=True, exist_ok=True)
    for name, content in files(found).items():
        commit_bytes(output / name, content)
    commit_bytes(text, to_markdown(found, level, output.name).encode())
    commit_bytes(page, to_html(found, level).encode())
    if json:
        print_json({"page": str(page), "experiments": [section.outcome.to_json() for section in found]})
    else:
        print(f"{len(found)} experiments: {page}, {text}")
    return 0
