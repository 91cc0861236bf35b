"""A report as one HTML file: nothing is loaded from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from alexnet.experiments.claim import BudgetName
from alexnet.experiments.outcome import Finding
from alexnet.pictures.html import document, picture
from alexnet.reports.content import Section

TITLE = "ImageNet Classification with Deep Convolutional Neural Networks, tried again"


def to_html(sections: Sequence[Section], level: BudgetName) -> str:
    """Return the whole page."""
    return document(TITLE, [_header(sections, level), "<main>", *map(_section, sections), "</main>", _footer()])


def introduction(sections: Sequence[Section], level: BudgetName) -> list[str]:
    """Return what a reader must know before the first number."""
    words = [f.verdict.word for s in sections for f in s.findings]
    data = sorted({section.data.split(",")[0] for section in sections})
    return [
        f"{len(sections)} experiments on {', '.join(data)}, budget “{level}”: of {len(words)} claims "
        f"{words.count('confirmed')} are confirmed on this data, {words.count('not confirmed')} are not, and of "
        f"{words.count('cannot tell')} one cannot tell.",
        "The paper's numbers are of ImageNet unless they say otherwise; ours are of the data that each section names, "
        "and a smaller dataset's result is no verdict on ImageNet. Every seed is shown. An interval is Student's, at "
        "95 %, for the mean difference between networks of the same seed; with fewer than three seeds nothing is said.",
    ]


def _header(sections: Sequence[Section], level: BudgetName) -> str:
    rows = "".join(
        f'<tr><td><a href="#{s.anchor}">{escape(s.outcome.experiment.title)}</a></td>'
        f"<td>{_counted(s.findings)}</td></tr>"
        for s in sections
    )
    said = "".join(f"<p>{escape(text)}</p>" for text in introduction(sections, level))
    contents = f"<nav class=scroll><table><tbody>{rows}</tbody></table></nav>"
    return f"<header><h1>{escape(TITLE)}</h1>{said}{contents}</header>"


def _counted(findings: Iterable[Finding]) -> str:
    """Return how many claims came out in each way."""
    counts = Counter(finding.verdict.word for finding in findings)
    return " &emsp; ".join(
        f'<span class="verdict {word.replace(" ", "-")}">{f"{count} " if count > 1 else ""}{word}</span>'
        for word, count in sorted(counts.items())
    )


def _badge(finding: Finding) -> str:
    word = finding.verdict.word
    return (
        f'<span class="verdict {word.replace(" ", "-")}" title="{escape(finding.contrast.says)}">{word}</span>'
    )


def _section(section: Section) -> str:
    experiment = section.outcome.experiment
    parts = [
        f'<section id="{section.anchor}"><h2><a href="#{section.anchor}">{escape(experiment.title)}</a></h2>',
        f"<p>{escape(experiment.claim)}</p>",
        f"<p class=source>{escape(experiment.source)}</p><p><span class=data>{escape(section.data)}</span></p>",
        _claims(section.findings),
        f"<div class=drawings>{''.join(f'<div>{svg}</div>' for svg in section.drawings.values())}</div>",
        *(picture(name, data) for name, data in section.pictures.items()),
        _arms(section),
        _rates(section),
        f"<p class=muted>{escape(experiment.caveat)}</p>" if experiment.caveat else "",
        _confusion(section),
        _made(section),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _claims(findings: Iterable[Finding]) -> str:
    rows = "".join(
        f"<tr><td>{escape(f.contrast.says)}</td><td>{_badge(f)}</td>"
        f'<td data-name="here">{escape(f.effect())}</td><td data-name="published">{escape(f.contrast.paper)}</td></tr>'
        for f in findings
    )
    head = "<tr><th>claim</th><th>verdict</th><th>here</th><th>published</th></tr>"
    return f"<div class=scroll><table class=claims><thead>{head}</thead><tbody>{rows}</tbody></table></div>"


def _arms(section: Section) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in section.head)
    rows = "".join(
        f"<tr><td>{escape(row.arm)}</td>"
        + "".join(
            f"<td>{escape(cell)}{f'<br><span class=muted>{escape(each)}</span>' if each != cell else ''}</td>"
            for cell, each in zip(row.cells, row.seeds, strict=True)
        )
        + "</tr>"
        for row in section.rows
    )
    return (
        f"<div class=scroll><table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _rates(section: Section) -> str:
    return f"<p class=muted>Rates chosen: {escape('; '.join(section.rates))}.</p>" if section.rates else ""


def _confusion(section: Section) -> str:
    if section.confusion is None:
        return ""
    arm, names, counts = section.confusion
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><th>{escape(name)}</th>"
        + "".join(_cell(n, sum(row), i == k) for k, n in enumerate(row))
        + "</tr>"
        for i, (name, row) in enumerate(zip(names, counts, strict=True))
    )
    return (
        f"<details><summary>Confusion of “{escape(arm)}”, all seeds together: rows are true classes</summary>"
        f"<div class=scroll><table class=confusion><tr><th></th>{head}</tr>{rows}</table></div></details>"
    )


def _cell(count: int, total: int, right: bool) -> str:
    strength = count / max(total, 1)
    color = (
        f"rgba(29,79,145,{0.75 * strength:.3f})" if right else f"rgba(196,95,44,{min(3 * strength, 0.9):.3f})"
    )
    ink = ";color:#fff" if right and strength > 0.55 else ""
    return f'<td style="background:{color}{ink}">{count}</td>'


def _made(section: Section) -> str:
    lines = "".join(f"<br>{escape(line)}" for line in section.made_on)
    return (
        f"<details><summary>How it was made, and how to do it again</summary><p>{escape(section.cost)}{lines}</p>"
        f"<p>All of it: <code>{escape(section.command)}</code><br>"
        f"One network again, number by number: <code>{escape(section.rerun)}</code></p></details>"
    )


def _footer() -> str:
    return (
        "<footer><p>Made by <code>alexnet report</code> from the results in the repository, without the networks and "
        "without the data. Paper: Krizhevsky, Sutskever, Hinton, NIPS 2012.</p></footer>"
    )
