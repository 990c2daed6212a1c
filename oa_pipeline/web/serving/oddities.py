"""Headers that nobody can mean: they are left out of a request before anything reads it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from werkzeug.http import parse_date

# Characters of lists: to read longer ones takes more time than to answer. Those of browsers have a tenth of that.
LONGEST: Mapping[str, int] = {
    "HTTP_ACCEPT": 2000,
    "HTTP_ACCEPT_ENCODING": 1000,
    "HTTP_IF_MATCH": 8000,
    "HTTP_IF_NONE_MATCH": 8000,
}
# Headers with a date, and what means nothing without it.
DATED: Mapping[str, tuple[str, ...]] = {
    "HTTP_IF_MODIFIED_SINCE": (),
    "HTTP_IF_UNMODIFIED_SINCE": (),
    "HTTP_IF_RANGE": ("HTTP_RANGE",),
}


def leave_out(environ: MutableMapping[str, Any]) -> None:
    """Takes lists that are too long, and dates that are none, out of a WSGI environment."""
    for name, most in LONGEST.items():
        if len(environ.get(name, "")) > most:
            del environ[name]
    for name, others in DATED.items():
        if name in environ and not _readable(environ[name]):
            for each in (name, *others):
                environ.pop(each, None)


def _readable(text: str) -> bool:
    """Whether it can be looked at for a date: numbers without end are an error of the library's."""
    try:
        parse_date(text)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return False
    return True
