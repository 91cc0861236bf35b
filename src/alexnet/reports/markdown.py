"""A report as Markdown, with its drawings and pictures as files beside it."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet.experiments.claim import BudgetName
from alexnet.reports.content import Section
from alexnet.reports.page import TITLE, introduction


def to_markdown(sections: Sequence[Section], level: BudgetName, folder: str) -> str:
    """Return the text; drawings and pictures are looked for in `folder`, relative to it."""
    blocks = [f"# {TITLE}", *introduction(sections, level)]
    for section in sections:
        blocks += _section(section, folder)
    return "\n\n".join(block for block in blocks if block) + "\n"


def files(sections: Sequence[Section]) -> dict[str, bytes]:
    """Return the drawings and pictures by file name."""
    found: dict[str, bytes] = {}
    for section in sections:
        found |= {f"{name}.svg": svg.encode() for name, svg in section.drawings.items()}
        found |= section.pictures
    return found


def _section(section: Section, folder: str) -> list[str]:
    experiment = section.outcome.experiment
    claims = [(f.contrast.says, f.verdict.word, f.effect(), f.contrast.paper or "–") for f in section.findings]
    arms = [
        (
            row.arm,
            *(
                f"{cell} ({each})" if each != cell else cell
                for cell, each in zip(row.cells, row.seeds, strict=True)
            ),
        )
        for row in section.rows
    ]
    names = [*(f"{name}.svg" for name in section.drawings), *section.pictures]
    return [
        f"## {experiment.title}",
        f"{experiment.claim} *({experiment.source})*",
        f"Here: {section.data}.",
        _table(("claim", "verdict", "here", "published"), claims),
        "\n".join(f"![{name.rsplit('.', 1)[0]}]({folder}/{name})" for name in names),
        _table(("", *section.head), arms),
        f"Rates chosen: {'; '.join(section.rates)}." if section.rates else "",
        experiment.caveat,
        f"{section.cost}. `{section.command}`; one network again: `{section.rerun}`.",
        "\n".join(f"- {line}" for line in section.made_on),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
