"""From what happened to what the ledger records."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import OAError, Problem
from ..ledger.runs import CacheFacts, Ending, Ticket
from ..ledger.tables import RunStatus
from ..sources.model import DataSource, Licence
from .deadline import Deadline

if TYPE_CHECKING:
    from ..fetch.model import Fetched
    from ..process import Result
    from ..publish.store import StoredObject

STATUSES = {None: RunStatus.SUCCEEDED, Problem.SKIPPED: RunStatus.SKIPPED}
# What the public reads of a run that took too long depends on what it was doing.
LATE = dict.fromkeys(("publish", "preview", "tiles"), Problem.OUR_FAULT) | {"convert": Problem.CONFORM_FAILED}
HOUR = 3600
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
ROOM = "make room on the disk under OA_HOME"


def of_result(
    data_source: DataSource, result: Result, stored: Mapping[str, StoredObject], ticket: Ticket, now: datetime
) -> Ending:
    """The end of a run that went through to its result, good or bad."""
    from ..process.index import tests_passed

    outcome = result.outcome
    problem = outcome.problem
    return Ending(
        status=STATUSES.get(problem, RunStatus.FAILED),
        ended_at=now,
        problem=str(problem) if problem else None,
        detail=outcome.detail.removesuffix(f" ({outcome.cure})"),
        cure=outcome.cure,
        warnings=outcome.warnings,
        tests_passed=tests_passed(outcome),
        cache=cache_facts(result.fetched) if result.fetched else None,
        rows=outcome.rows if problem is None else None,
        counters=outcome.counters,
        content_hash=outcome.content_hash,
        data_version=_version(data_source, outcome.content_hash) if problem is None else "",
        outputs={kind: found.as_json() for kind, found in stored.items()},
        prefix=ticket.prefix,
        geometry_type=outcome.geometry_type,
        bounds=outcome.bounds,
        licence=data_source.licence,
        website=data_source.website,
        seconds=stages(result),
        cpu_seconds=outcome.cpu_seconds,
        peak_memory=outcome.peak_memory,
        walls=outcome.walls,
    )


def sampled(counters: Mapping[str, int], most: int) -> bool:
    """Whether a run that converts no more than `most` rows (0: all) has, or may have, left some."""
    return bool(most) and counters.get("rows/read", 0) >= most


def stages(result: Result) -> dict[str, float]:
    """Seconds by stage; `convert` holds those of the converter's own stages, `total` all of them."""
    fetched = {"download": round(result.fetched.seconds, 3)} if result.fetched else {}
    return {**fetched, **result.index.get("seconds", result.outcome.seconds)}


def same_as(last: Mapping[str, Any], fetched: Fetched | None, now: datetime) -> Ending:
    """The end of a run that found everything as the last good one left it: the same facts, and whose they are."""
    same = (
        "tests_passed", "rows", "counters", "content_hash", "data_version", "outputs", "prefix", "geometry_type",
        "website", "warnings",
    )  # fmt: skip
    cache = CacheFacts(
        last["cache_sha256"],
        last["cache_md5"] or "",
        last["cache_size"],
        last["cache_content_type"] or "",
        dict(last["validators"]),
    )
    return Ending(
        status=RunStatus.SUCCEEDED,
        ended_at=now,
        cache=cache_facts(fetched) if fetched else cache,
        bounds=tuple(last["bounds"]) if last["bounds"] else None,
        licence=Licence(last["licence"], last["attribution_required"], last["attribution_name"], last["share_alike"]),
        copy_of=last["copy_of"] or last["id"],
        **{name: last[name] for name in same},
    )


def past_deadline(stage: str, deadline: Deadline, now: datetime) -> Ending:
    """The end of a run that took too long."""
    return Ending(
        RunStatus.FAILED,
        now,
        problem=str(LATE.get(stage, Problem.DOWNLOAD_FAILED)),
        detail=f"the run was still at its {stage} after {deadline.seconds / HOUR:g} hours",
        cure=f"see output.txt of earlier runs for what takes so long; {deadline.setting} is the limit",
    )


def broken_off(error: BaseException, now: datetime, *, cancelled: bool = True) -> Ending:
    """The end of a run that did not get to a result: our own fault, or it was told to stop.

    `cancelled`: somebody asked for that. A run that was given up, though it lived, is lost.
    """
    if isinstance(error, OAError):
        return Ending(RunStatus.FAILED, now, problem=str(error.problem), detail=error.message, cure=error.cure)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        said = f"the disk is full: {error.strerror}"
        return Ending(RunStatus.FAILED, now, problem=str(Problem.OUR_FAULT), detail=said, cure=ROOM)
    if isinstance(error, Exception):
        detail = f"{type(error).__name__}: {error}"
        return Ending(RunStatus.FAILED, now, problem=str(Problem.OUR_FAULT), detail=detail)
    if not cancelled:
        return Ending(RunStatus.LOST, now, detail="it was told to stop, as the run had been given up")
    return Ending(RunStatus.CANCELLED, now, detail="the run was told to stop")


def cache_facts(fetched: Fetched) -> CacheFacts:
    """What the ledger keeps of a download."""
    return CacheFacts(fetched.sha256, fetched.md5, fetched.size, fetched.content_type, fetched.validators.as_json())


def _version(data_source: DataSource, content_hash: str) -> str:
    return data_version(data_source.layer, data_source.licence, content_hash)


def data_version(layer: str, licence: Licence, content_hash: str) -> str:
    """Changes when what is published does: the rows in whatever order, or the licence under which they are."""
    facts = [
        content_hash,
        str(layer),
        licence.text,
        licence.attribution_required,
        licence.attribution_name,
        licence.share_alike,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
