"""Messages that a page quotes, and the strings of the modules that say them."""

import ast
import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "alexnet"
GAP = "…"
"""Stands for a value, on the page and here."""


def quoted_messages(text: str) -> list[tuple[str, str]]:
    """Return message and module of a page's rows "| `message` | `module` |"."""
    return re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", text, re.MULTILINE)


def is_said(message: str, module: str) -> bool:
    return any(message in text for text in _texts(SOURCE / module))


def words(message: str) -> list[str]:
    """Return a message's own words, without the gaps."""
    return message.replace(f"({GAP})", "").replace(GAP, "").split()


def _texts(path: Path) -> list[str]:
    """Return all strings of a module, with a gap for each value put into them."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return ["".join(_parts(node)) for node in nodes if isinstance(node, ast.JoinedStr | ast.Constant)]


def _parts(node: ast.expr) -> list[str]:
    values = node.values if isinstance(node, ast.JoinedStr) else [node]
    return [str(value.value) if isinstance(value, ast.Constant) else GAP for value in values]
