"""Pages in one file: nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from importlib import resources


def document(title: str, body: Iterable[str]) -> str:
    """Return a whole page.

    Args:
        body: HTML.
    """
    css = (resources.files("alexnet") / "pictures" / "page.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{css}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def picture(name: str, data: bytes) -> str:
    """Return a PNG file as an element, its text the name without ending."""
    encoded = base64.b64encode(data).decode()
    return f'<img alt="{escape(name.removesuffix(".png"))}" src="data:image/png;base64,{encoded}">'


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table of plain texts."""
    first = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=scroll><table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table></div>"
