"""What a check is, and what it can find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .means import Means


class State(StrEnum):
    """How something is. Only `WRONG` makes a deployment one that is not well."""

    OK = "ok"
    NOTE = "note"  # not so here, and need not be
    WARNING = "warning"  # works, and will not for long or not for everybody
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, in a sentence that names the place; `cure`: what to do about it."""

    state: State
    said: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One question. `needs` names checks without whose success it could only say the same again.

    What `ask` raises is a verdict too: an OAError's own words, or the name of whatever else it was.
    """

    name: str  # area.question
    asks: str
    ask: Callable[[Means], Verdict]
    needs: Sequence[str] = ()

    @property
    def area(self) -> str:
        """Which part of a deployment it is about."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    check: str
    state: State
    said: str
    cure: str = ""

    def as_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return {"check": self.check, "state": str(self.state), "said": self.said, "cure": self.cure}


def ok(said: str) -> Verdict:
    """It is as it should be."""
    return Verdict(State.OK, said)


def note(said: str) -> Verdict:
    """There is nothing of the kind here, which need not be wrong."""
    return Verdict(State.NOTE, said)


def warning(said: str, cure: str) -> Verdict:
    """It works, and somebody should see to it."""
    return Verdict(State.WARNING, said, cure)


def wrong(said: str, cure: str) -> Verdict:
    """It does not work."""
    return Verdict(State.WRONG, said, cure)


def worst(verdicts: Sequence[Verdict], otherwise: Verdict) -> Verdict:
    """The first of the worst of several, `otherwise` where there is none."""
    order = list(State)
    return max(verdicts, key=lambda one: order.index(one.state), default=otherwise)
