"""Which attempt at a Dagster run this process carries out, where it was forked for one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ..ledger.assignments import Assignment

GIVEN_TO_OTHERS = 75  # exit status
_here: list[Assignment] = []


def begin(assignment: Assignment) -> None:
    """This process is for that attempt and no other."""
    _here[:] = [assignment]


def leave_if_lost(engine: Engine) -> None:
    """Ends this process, without a word to Dagster, where a later attempt carries out the same run.

    The run is that attempt's now: a failure told by us would be taken for its own.
    """
    from ..ledger.assignments import standing

    if not _here:
        return
    newest = standing(engine, _here[0].run_id)
    if newest is not None and newest.assignment != _here[0]:
        print(f"attempt {_here[0].attempt} at run {_here[0].run_id} was given to others", file=sys.stderr, flush=True)
        os._exit(GIVEN_TO_OTHERS)
