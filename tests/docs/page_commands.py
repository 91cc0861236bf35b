"""The commands of a page: its `sh` and `python` blocks, which of them no test can run, and the files it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+?) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)


class Block(NamedTuple):
    """A block of commands."""

    page: str
    kind: str
    """`sh` or `python`."""
    text: str
    why_not: str | None
    """Why no test runs it."""

    @property
    def lines(self) -> list[str]:
        """The command lines, without comments, continued ones joined."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        bare = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
        return [line for line in bare if line]


def pages() -> list[Path]:
    """Return every page with commands, those that others build on first."""
    docs = sorted((ROOT / "docs").glob("*.md"))
    first = [ROOT / "README.md", ROOT / "docs" / "own-pictures.md"]
    return first + [path for path in docs if path not in first and blocks(path)]


def blocks(path: Path) -> list[Block]:
    """Return a page's blocks in order."""
    text, page = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
    found = (match.groupdict() for match in _BLOCK.finditer(text))
    return [Block(page, b["kind"], b["text"], b["why"]) for b in found if b["kind"] in ("sh", "python")]


def files(path: Path) -> dict[str, str]:
    """Return the files that a page shows: TOML blocks that begin with `# NAME.toml`."""
    text = path.read_text(encoding="utf-8")
    shown = re.findall(r"^```toml\n(# (\w+\.toml).*?)^```", text, re.DOTALL | re.MULTILINE)
    return {name: body for body, name in shown}
