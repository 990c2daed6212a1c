"""How people's words are compared with names: whatever their case, their accents, and the commas between them."""

from __future__ import annotations

import re
import unicodedata

_BETWEEN = re.compile(r"[\s,;]+")
_ENDS = ".:!?\"'()"  # of "St. Louis" or "Paris?"
_ACCENTS = re.compile("[\u0300-\u036f]")
_STROKES = str.maketrans("øłđı", "oldi")  # that are part of the letter


def folded(text: str) -> str:
    """The text in small letters without accents."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart)).translate(_STROKES)


def words(text: str) -> list[str]:
    """What somebody looks for, word by word, each as `folded` writes it."""
    found = (one.strip(_ENDS) for one in _BETWEEN.split(folded(text)))
    return [one for one in found if one]
