"""Text that every font can show: what a font lacks is spelled out in Latin letters."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable

from PIL import ImageFont

from alexnet.core.errors import printable

_SPELLINGS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "ı": "i"}
    | {"×": "x", "→": "->", "←": "<-", "–": "-", "—": "-", "−": "-", "ー": "-", "\u00a0": " "}
)
_SPELLED_BY_NAME = ("HANGUL SYLLABLE ", "HIRAGANA LETTER ", "KATAKANA LETTER ")


def chart_text(text: str) -> str:
    """Return `text` as the chart font can show it; pass `parse_math=False` where it is drawn."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    face = get_font(findfont(FontProperties()))
    return readable(text, lambda character: face.get_char_index(ord(character)) > 0)


def tile_text(text: str) -> str:
    """Return `text` as the font that comes with Pillow can show it."""
    return readable(text, _pillow_has)


def readable(text: str, has: Callable[[str], bool]) -> str:
    """Spell out the characters that a font lacks.

    Korean and Japanese syllables become their Latin reading, accented letters lose their accents,
    control characters are escaped; what is left without a spelling becomes one "?".

    Args:
        text: Any text, e.g. a class name or a file name.
        has: Whether the font has a glyph for one character.
    """
    whole = unicodedata.normalize("NFC", printable(text))
    return "".join(c if has(c) else _spelling(c, has) for c in whole)


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with Pillow at `size` pixels: the same on every machine."""
    return ImageFont.load_default(size=size)


def shorten(text: str, width: float, size: int) -> str:
    """Return as much of `text` as fits `width` pixels in the font of `size`, with "..." for what is cut."""
    if font(size).getlength(text) <= width:
        return text
    length = min(len(text), int(width))
    while length and font(size).getlength(text[:length].rstrip() + "...") > width:
        length -= 1
    return text[:length].rstrip() + "..."


@functools.cache
def _pillow_has(character: str) -> bool:
    absent = font(16).getmask("\uffff")
    shown = font(16).getmask(character)
    return character == " " or (shown.size, bytes(shown)) != (absent.size, bytes(absent))


def _spelling(character: str, has: Callable[[str], bool]) -> str:
    name = unicodedata.name(character, "")
    if name.startswith(_SPELLED_BY_NAME):
        spelled = name.rsplit(" ", 1)[-1].lower()
    else:
        spelled = unicodedata.normalize("NFKD", character.translate(_SPELLINGS))
    shown = "".join(c for c in spelled if has(c) and not unicodedata.combining(c))
    return shown or ("" if unicodedata.combining(character) else "?")
