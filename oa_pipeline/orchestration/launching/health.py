"""What is said of a run's worker, by its heartbeat and by EC2.

Silence beyond the timeout is a loss, as is an instance that EC2 says has ended. That EC2 cannot be asked says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import dagster_private as private

if TYPE_CHECKING:
    from ...aws.instances import State
    from ...ledger.assignments import Standing

ENDED = frozenset({"terminated", "stopped"})


def running(msg: str) -> private.CheckRunHealthResult:
    """The answer that changes nothing."""
    return private.CheckRunHealthResult(private.WorkerStatus.RUNNING, msg)


def judged(
    found: Standing, timeout: float, *, excused: bool, state: State | None = None
) -> private.CheckRunHealthResult:
    """The answer for a run whose newest attempt stands like this.

    `excused`: silence proves nothing at present. `state`: how EC2 says that its instance is, where it says so.
    """
    from ...ledger.tables import Stage

    said = described(found, state)
    if found.stage is Stage.READY:
        return running(said)  # it has no worker to lose; that of its own instance is others' care
    if found.stage is not Stage.TAKEN:
        return private.CheckRunHealthResult(private.WorkerStatus.FAILED, said, run_worker_id=found.worker)
    if _lives(found, timeout, excused, state):
        return running(said)
    return private.CheckRunHealthResult(private.WorkerStatus.NOT_FOUND, said, run_worker_id=found.worker)


def _lives(found: Standing, timeout: float, excused: bool, state: State | None) -> bool:
    silent = found.silent
    if state is not None and state.name in ENDED:
        return False
    if state is not None and (state.gone or state.impaired):
        return silent is not None and silent <= timeout / 2  # as long as it beats it may still hand its runs back
    return excused or (silent is not None and silent <= timeout)


def described(found: Standing, state: State | None = None) -> str:
    """One line about an attempt and its worker."""
    from ...ledger.tables import Stage

    attempt = f"attempt {found.assignment.attempt}"
    machine = f" on instance {found.instance}" if found.instance else ""
    if state is not None:
        machine += f", {'impaired' if state.impaired else state.name} as EC2 says,"
    if found.stage is Stage.READY:
        if found.dedicated:
            return f"{attempt} waits for the worker{machine or ' of an instance that is not there yet'}".rstrip(",")
        return f"{attempt} waits for a worker"
    who = f"worker {found.worker}" + (f" on {found.host}" if found.host else "") + machine
    if found.stage is not Stage.TAKEN:
        return f"{attempt} of {who} ended: {found.detail}"
    heard = "is gone" if found.silent is None else f"beat {found.silent:.0f} seconds ago"
    uses = ", ".join(f"{name} {value}" for name, value in sorted(found.usage.items()))
    return f"{attempt}: {who} {heard}" + (f" ({uses})" if uses else "")
