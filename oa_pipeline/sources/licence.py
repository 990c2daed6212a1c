"""What a data source says about the use of its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .model import Licence

UNKNOWN = "Unknown"
_YES = {"y", "yes", "t", "true"}
_NO = {"n", "no", "f", "false"}


def licence_of(declared: Mapping[str, Any]) -> Licence:
    """The licence of a data source's JSON object.

    The text is "text (address)", either alone, or the string that stands in its place. Whom to name comes from the
    licence's `attribution name`, else from the older `attribution` of the data source; either means that naming is
    required, unless the licence's `attribution` says yes or no itself. Nobody is named where naming is not required.
    """
    licence = declared.get("license")
    name = _text(declared.get("attribution"))
    required = True if name else None
    if not isinstance(licence, Mapping):
        return Licence(_text(licence), required, name, None)
    if _text(licence.get("attribution name")):
        required, name = True, _text(licence.get("attribution name"))
    flag = _flag(licence.get("attribution"))
    if flag is None and _text(licence.get("attribution")):
        required, name = True, name or _text(licence.get("attribution"))
    if flag is not None:
        required = flag
    return Licence(_wording(licence), required, name if required else "", _flag(licence.get("share-alike")))


def terms(name: str, website: str, licence: Licence) -> str:
    """What a LICENSE.txt says of one source, in the words that its readers have always found there."""
    return (
        f"{name}\n"
        f"Website: {said(website)}\n"
        f"License: {said(licence.text)}\n"
        f"Required attribution: {attribution_words(licence)}\n"
    )


def attribution_words(licence: Licence) -> str:
    """`No`, `Yes`, the name to be named, or `Unknown`."""
    if licence.attribution_required is None:
        return UNKNOWN
    return (" ".join(licence.attribution_name.split()) or "Yes") if licence.attribution_required else "No"


def said(text: str) -> str:
    """The text on one line; `Unknown` where there is none."""
    return " ".join(text.split()) or UNKNOWN


def _wording(licence: Mapping[str, Any]) -> str:
    text, url = _text(licence.get("text")), _text(licence.get("url"))
    return f"{text} ({url})" if text and url else text or url


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = _text(value).lower()
    if word in _YES:
        return True
    return False if word in _NO else None
