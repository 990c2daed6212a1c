"""What others wrote, as Markdown in which it is nothing but text.

Publishers and contributors decide what their rows, names and files hold. GitHub makes no mention, no reference, no
emoji and no link of what stands in a code span, so that is where all of it goes but for words that can be nothing else.
"""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import quote

from ...fetch.redact import redact
from ...text import one_line

CELL, LINE = 60, 800  # characters
MOST_MARKS = 4  # accents on one letter
SAFE = "%/:=&?~#+!$,;'@()*[]"  # of an address; what it has besides is escaped
_JOINERS = "\u200c\u200d"  # invisible, and needed by the scripts of South Asia and by Persian
_LONG_FENCE = re.compile("`{9,}")  # GitHub reads no fence of more than 80
_TOKEN = re.compile(r"`([^`]+)`|([^\s`]+)|(\s+)|(`)")
_PARTS = re.compile(r"(\(?)(.*?)([.,;:!?)]*)", re.DOTALL)
_WORD = re.compile(r"[\"'‘’“”«»]?[^\W_]+(?:['’-][^\W\d_]+)*[\"'‘’“”«»]?%?|\d{1,6}(?:[.,]\d{1,3}){0,4}%?|[–—-]")
_LIKE_A_COMMIT = re.compile("[0-9a-f]{7}", re.IGNORECASE)


def plain(text: str, most: int = LINE) -> str:
    """On one line, without what cannot be seen, and no longer than `most`."""
    line = " ".join(one_line(text[: most * 8]).split())
    kept: list[str] = []
    marks = 0
    for letter in "" if line.isascii() else line:
        kind = unicodedata.category(letter)
        if kind in {"Cf", "Cs"} and letter not in _JOINERS:
            continue
        marks = marks + 1 if kind in {"Mn", "Me"} else 0
        if marks <= MOST_MARKS:
            kept.append(letter)
    shown = line if line.isascii() else "".join(kept).strip()
    return shown if len(shown) <= most and len(text) <= most * 8 else f"{shown[: most - 1]}…"


def code(text: str, most: int = LINE) -> str:
    """As a code span; nothing where there is nothing to be seen. Not for the cells of tables."""
    shown = _LONG_FENCE.sub("`" * 8 + "…", plain(text, most))
    if not shown:
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if "`" in {shown[0], shown[-1]} else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def cell(text: str, most: int = CELL) -> str:
    """As a code span in a cell of a table."""
    return code(text, most).replace("|", "\\|")


def words(text: str, most: int = LINE) -> str:
    """A sentence of ours that names what others wrote: words stay words, and the rest stands in code spans.

    Passwords and tokens of addresses are masked. Not for the beginning of a line.
    """
    pieces: list[tuple[bool, str]] = []
    for found in _TOKEN.finditer(plain(redact(text), most)):
        spanned, token, space, tick = found.groups()
        if space:
            pieces.append((False, " "))
        elif spanned or tick:
            _add(pieces, spanned or tick)
        else:
            _take(pieces, token)
    return "".join(code(held) if is_code else held for is_code, held in pieces).strip()


def sentence(text: str, most: int = LINE) -> str:
    """As `words`, with its full stop."""
    said = words(text, most)
    return said if not said or said[-1] in ".!?…" else f"{said}."


def _take(pieces: list[tuple[bool, str]], token: str) -> None:
    parts = _PARTS.fullmatch(token)
    assert parts is not None
    before, core, after = parts.groups()
    if not core or (_WORD.fullmatch(core) and not _LIKE_A_COMMIT.search(core)):
        pieces.append((False, token))
        return
    if before:
        pieces.append((False, before))
    _add(pieces, core)
    if after:
        pieces.append((False, after))


def _add(pieces: list[tuple[bool, str]], text: str) -> None:
    """Two code spans never touch: they would be read as one, or as none."""
    if pieces and pieces[-1][0]:
        text = pieces.pop()[1] + text
    pieces.append((True, text))


def element(text: str, most: int = LINE) -> str:
    """As HTML, where Markdown is not read: in the summary of a folded part."""
    shown = html.escape(plain(text, most))
    return f"<code>{shown}</code>" if shown else ""


def link(label: str, address: str) -> str:
    """A link of ours, `label` being our own words; the bare label where nobody on the web could follow it."""
    if not re.fullmatch(r"https?://\S+", address):
        return label
    return f"[{label}](<{quote(address, safe=SAFE).replace('&', '&amp;')}>)"
