"""The first runs: the source repository is taken over, the samples processed and told about as they end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..assets.source import PARTITIONS
from ..automation.partitions import sync
from ..errors import Problem
from ..ledger import queries
from ..orchestration.workplace import Workplace
from .terminal import Terminal

if TYPE_CHECKING:
    from .system import System

TICK = 0.5
PATIENCE = 900.0  # seconds in which not one run ends
EXPECTED = {"succeeded", "skipped", "failed"}


def process_samples(system: System, terminal: Terminal, *, everything: bool) -> bool:
    """Takes over the source repository and processes the samples that never were; whether nothing of ours failed.

    A repository of one's own is only taken over: thousands of runs are for a person to start. `everything` says that
    one wants them, and those again that were processed before.
    """
    workplace = Workplace(system.settings)
    done = sync(workplace, system.instance)
    keys = sorted(system.instance.get_dynamic_partitions(PARTITIONS))
    terminal.say(f"source repository: {len(keys):,} data sources ({done})")
    if system.settings.sources and not everything:
        return True
    before = queries.latest_runs(workplace.ledger(), keys)
    wanted = [key for key in keys if everything or key not in before]
    if not wanted:
        return True
    terminal.say(f"processing {len(wanted):,} data sources")
    launched = {key: system.webserver.launch(key) for key in wanted}
    return follow(system, workplace, launched, terminal)


def follow(system: System, workplace: Workplace, launched: Mapping[str, str], terminal: Terminal) -> bool:
    """Tells of each run as it ends, until all have; whether the pipeline itself did what it should.

    Gives up when none has ended for a quarter of an hour; the runs go on.
    """
    left = dict(launched)
    good = True
    until = time.monotonic() + PATIENCE
    while left:
        terminal.update(f"{len(left)} of {len(launched)} to go")
        time.sleep(TICK)
        system.check()
        ended = [key for key, run_id in left.items() if over(system, run_id)]
        rows = queries.latest_runs(workplace.ledger(), ended)
        if ended:
            until = time.monotonic() + PATIENCE
        elif time.monotonic() > until:
            terminal.done()
            terminal.say(f"  no run has ended for {PATIENCE / 60:g} minutes: {', '.join(left)}; see the UI", "red")
            return False
        for key in ended:
            good = told(rows.get(key), key, left.pop(key), terminal) and good
    terminal.done()
    return good


def over(system: System, run_id: str) -> bool:
    """Whether Dagster's run has ended."""
    run = system.instance.get_run_by_id(run_id)
    return run is None or run.is_finished


def told(row: queries.Row | None, key: str, run_id: str, terminal: Terminal) -> bool:
    """Tells how a run ended; whether that was as it should be, or the source's own fault."""
    if row is None or row["dagster_run_id"] != run_id or row["status"] == "running":
        terminal.say(f"  lost     {key}: Dagster's run {run_id} ended without a result", "red")
        return False
    terminal.outcome(row)
    return row["status"] in EXPECTED and row["problem"] != Problem.OUR_FAULT
