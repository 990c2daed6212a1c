"""What the ledger already knows of a run of Dagster's that is resumed: its process died, its work need not be lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ..errors import Problem
from ..ledger.runs import CacheFacts, Ending, Ticket
from ..ledger.tables import RunStatus
from ..sources.model import Licence

# Their result stands, and only has to be told. Other failures may be the publisher's, or ours: worth another try.
FINAL = frozenset({RunStatus.SUCCEEDED, RunStatus.HELD, RunStatus.SKIPPED})
MAY_PASS = frozenset({Problem.DOWNLOAD_FAILED, Problem.OUR_FAULT})


def ended_before(tries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last of a run's tries, where it came to an end that another would come to as well."""
    if not tries:
        return None
    last = tries[-1]
    source_fault = last["status"] == RunStatus.FAILED and last["problem"] not in MAY_PASS
    return last if last["status"] in FINAL or source_fault else None


def ticket_of(row: Mapping[str, Any]) -> Ticket:
    """The ticket that the run had."""
    return Ticket(row["id"], row["key"], row["token"], row["predecessor"], row["pull_request"])


def ending_of(row: Mapping[str, Any]) -> Ending:
    """The end of a run as it was recorded."""
    known = {field.name: row[field.name] for field in fields(Ending) if row.get(field.name) is not None}
    known["status"] = RunStatus(row["status"])
    known["decided_by"] = row["accepted_by"] or row["rejected_by"] or ""
    known["licence"] = Licence(row["licence"], row["attribution_required"], row["attribution_name"], row["share_alike"])
    if row["bounds"] is not None:
        known["bounds"] = tuple(row["bounds"])
    if row["cache_sha256"] is not None:
        known["cache"] = CacheFacts(
            row["cache_sha256"],
            row["cache_md5"] or "",
            row["cache_size"],
            row["cache_content_type"] or "",
            dict(row["validators"]),
        )
    return Ending(**known)
