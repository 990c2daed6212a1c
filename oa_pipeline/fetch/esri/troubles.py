"""What a failed page means: is it hopeless, too much at a time, or worth asking again?"""

from __future__ import annotations

from enum import Enum, auto

from ...errors import FetchError, OverBudget, Oversized, Refused, TokenRequired
from .answers import LayerError

_SLOW = frozenset({408, 504})
_TOO_MUCH_FOR_THEM = frozenset({500, 502, 504})


class LeadsNowhere(FetchError):  # noqa: N818 - a verdict on a walk
    """What was fetched so far shows that going on is in vain: the next try begins anew."""


class Trouble(Enum):
    """How to go on after a failed page."""

    HOPELESS = auto()  # the run ends
    UNSUITED = auto()  # the layer refuses this kind of query
    TOO_LARGE = auto()  # the answer was larger than we take: ask for less at once
    SLOW = auto()  # time-outs and broken connections: ask again once, then for less
    BUSY = auto()  # errors that pass: ask the same again until tries run out, then for less


def trouble(error: FetchError) -> Trouble:
    """The kind of trouble."""
    if isinstance(error, Oversized):
        return Trouble.TOO_LARGE
    if isinstance(error, Refused | TokenRequired | OverBudget):
        return Trouble.HOPELESS
    if isinstance(error, LayerError):
        return Trouble.BUSY if error.transient else Trouble.UNSUITED
    if not error.transient:
        # A web page or half an answer in the middle of a dump is a proxy's hiccup; a plain 4xx is an answer.
        return Trouble.BUSY if error.status is None else Trouble.HOPELESS
    return Trouble.SLOW if error.status is None or error.status in _SLOW else Trouble.BUSY


def overwhelmed(error: FetchError) -> bool:
    """Whether fewer features a page may help."""
    return error.status is None or error.status in _TOO_MUCH_FOR_THEM


def another_way(error: FetchError) -> bool:
    """Whether a layer that refused one kind of query may still answer another."""
    if isinstance(error, LayerError | Oversized):
        return True
    if isinstance(error, Refused | TokenRequired | OverBudget):
        return False
    return error.status in {400, 404, 405, 500, 501}
