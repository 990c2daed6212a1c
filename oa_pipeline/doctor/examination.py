"""Asks every check, in an order in which causes come before what follows from them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module

from ..errors import OAError
from .means import Means
from .verdicts import Check, Finding, State, Verdict, note, wrong

# In this order. Each is a module that has CHECKS, imported when it is asked for.
AREAS = ("settings", "machine", "database", "store", "dagster", "workers", "github", "amazon")
UNKNOWN = "docs/operations.md may know it; else the message is all there is"
PATIENCE = 45.0  # seconds for one answer


def checks(areas: Iterable[str] = AREAS) -> list[Check]:
    """The checks of these areas, in the order of AREAS."""
    wanted = set(areas)
    return [check for area in AREAS if area in wanted for check in import_module(f"{__package__}.{area}").CHECKS]


def examine(
    means: Means, asked: Sequence[Check], *, patience: float = PATIENCE, began: Callable[[Check], None] | None = None
) -> Iterator[Finding]:
    """What each check finds, as it is found; one whose needs are not met says which. `began` is told before each."""
    states: dict[str, State] = {}
    present = {check.name for check in asked}
    for check in asked:
        if began is not None:
            began(check)
        missing = [need for need in check.needs if need in present and states.get(need) is State.WRONG]
        verdict = note(f"not looked at, because of {missing[0]}") if missing else _answer(check, means, patience)
        states[check.name] = State.WRONG if missing else verdict.state
        yield Finding(check.name, verdict.state, verdict.said, verdict.cure)


def well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong."""
    return all(one.state is not State.WRONG for one in findings)


def _answer(check: Check, means: Means, patience: float) -> Verdict:
    """The verdict; a check that takes too long is left to itself, and its thread goes with the process."""
    found: list[Verdict] = []
    thread = threading.Thread(target=lambda: found.append(_asked(check, means)), daemon=True)
    thread.start()
    thread.join(patience)
    if not found:
        return wrong(f"no answer within {patience:g} seconds", "see what it waits for: a firewall answers nothing")
    return found[0]


def _asked(check: Check, means: Means) -> Verdict:
    try:
        return check.ask(means)
    except OAError as error:
        return wrong(error.detail, error.cure or UNKNOWN)
    except Exception as error:  # whatever it is, the other checks are asked
        from ..fetch.redact import redact

        said = redact(" ".join(str(error).split()))[:300]
        return wrong(f"{type(error).__name__}: {said}", "an unforeseen answer: report it with this line")
