"""What was seen inside a network, as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from alexnet.inside.look import Looked
from alexnet.inside.mistakes import Guesses
from alexnet.pictures.html import document, picture, table


def to_html(looked: Looked, title: str, facts: Mapping[str, object], class_names: Sequence[str]) -> str:
    """Return the page.

    Args:
        facts: What the run is, in words.
    """
    said = "".join(
        f"<p><span class=data>{escape(f'{name}: {value}')}</span></p>" for name, value in facts.items()
    )
    body = [f"<header><h1>{escape(title)}</h1>{said}</header>", "<main>"]
    for name, data in looked.pictures.items():
        body.append(f"<section><p>{escape(looked.says[name])}.</p>{picture(name, data)}</section>")
    if looked.guesses is not None:
        body.append(f"<section><h2>Class by class</h2>{_classes(looked.guesses, class_names)}</section>")
    if looked.skipped:
        body.append(f"<p class=muted>Not shown: {escape('; '.join(looked.skipped))}.</p>")
    body += ["</main>", "<footer><p>Made by <code>alexnet look</code>.</p></footer>"]
    return document(title, body)


def _classes(guesses: Guesses, names: Sequence[str]) -> str:
    confusion = guesses.confusion()
    totals = confusion.sum(1)
    wrong = confusion - np.diag(confusion.diagonal())
    rows = []
    for k in np.argsort(-(wrong.sum(1) / np.maximum(totals, 1)), kind="stable"):
        if totals[k]:
            other = int(wrong[k].argmax())
            mixed = f"{names[other]} ({wrong[k, other]})" if wrong[k, other] else ""
            rows.append((names[k], f"{totals[k]:,}", f"{100 * wrong[k].sum() / totals[k]:.1f} %", mixed))
    return table(("class", "images", "top-1 error", "most often taken for"), rows)
