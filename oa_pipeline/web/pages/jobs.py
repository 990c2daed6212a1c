"""Jobs: what became of each pull request and push, data source by data source, and what its author can do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ...errors import Problem
from ...github.changes import Outcome as FileOutcome
from ...github.report.holding import would_be_held
from ...github.report.loading import AWAY
from ...github.report.outcomes import Outcome, outcome_of
from ...ledger import jobs, queries, tables
from ...ledger.reading import Row
from ...ledger.tables import JobStatus
from ...orchestration.gate import filled, limits_of
from ..columns import columns
from ..cures import CURES
from ..endpoints import Answer, Asked, BadRequest, Cache, Elsewhere, Endpoint, Field, Kind, NotFound, Parameter
from ..forms import json_form
from ..glimpses import Pair
from ..ordering import OTHER_PARTS, PAGE, PLACE, older, part_of
from .runs import KINDS, objects, preview

PER = 25
PER_DETAILS = 20  # data sources of a job on one page
LOOKED_INTO = 6  # of them, those whose rows are shown
FINDINGS = 50  # of one file
_SHA = re.compile(r"[0-9a-f]{40}")
LIVE = frozenset({JobStatus.PENDING, JobStatus.FAILING})
OF_JOB = (
    "id", "status", "repository", "event", "pull_request", "ref", "head_sha", "base_sha", "author", "trusted", "rerun",
    "detail", "merged", "created_at", "deadline_at", "ended_at",
)  # fmt: skip
STATES: Mapping[str, str] = {
    JobStatus.WAITING: "so many data sources by somebody new wait for a maintainer, who comments: approve, please",
    JobStatus.PENDING: "being checked",
    JobStatus.FAILING: "something is to be mended; the rest is being checked",
    JobStatus.SUCCESS: "all that a machine can check is in order",
    JobStatus.FAILURE: "something is to be mended; the next push is checked by itself",
    JobStatus.ERROR: "our own fault: nothing is to be mended; a comment, re-run this please, tries again",
    JobStatus.NOTHING: "no data source differs from the default branch",
    JobStatus.CANCELLED: "a newer head took its place, or the pull request was closed",
}
# The worst first: how a data source stands, as `status` shows it, and in words.
STANDINGS: Mapping[Outcome, tuple[int, str]] = {
    Outcome.FAILED: (0, "failed"),
    Outcome.OURS: (1, "error"),
    Outcome.CHECKING: (2, "pending"),
    Outcome.FINE: (3, "good"),
    Outcome.SKIPPED: (4, "skipped"),
}
FILES: Mapping[str, str] = {
    FileOutcome.CHANGED: "checked",
    FileOutcome.INVALID: "not a valid source",
    FileOutcome.REFUSED: "not read",
    FileOutcome.IGNORED: "ignored",
    FileOutcome.REMOVED: "removed",
    FileOutcome.UNCHANGED: "unchanged: it means what it meant before",
}


def listed(asked: Asked) -> Answer:
    """Jobs, the newest first."""
    ledger = asked.site.ledger()
    before = None
    if asked["past"]:
        former = jobs.job(ledger, asked["past"])
        if former is None:
            raise BadRequest("past cannot be used: there is no such job", cure="past is the id of a job; leave it out")
        before = former["sequence"]
    found = jobs.listed(ledger, before=before, limit=PER + 1)
    shown, links = older(asked, found, PER)
    tallies = jobs.tallies(ledger, [one["id"] for one in shown])
    data = {"jobs": [_brief(asked, one, tallies.get(one["id"], {})) for one in shown]}
    return Answer(data, links=links)


def _brief(asked: Asked, one: Row, tally: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "id",
        "status",
        "repository",
        "event",
        "pull_request",
        "ref",
        "head_sha",
        "author",
        "created_at",
        "ended_at",
    )
    return {
        **{name: one[name] for name in names},
        "files": len(one["files"]),
        **{name: tally.get(name, 0) for name in ("members", "ended", "failed")},
        "url": asked.site.url(_path(one["id"])),
    }


def _path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def one_job(asked: Asked) -> Answer | Elsewhere:
    """A job by its id; by a commit's sha, the newest of that commit."""
    ledger, name = asked.site.ledger(), asked["job"]
    found = jobs.job(ledger, name)
    if found is None and _SHA.fullmatch(name.lower()):
        newest = jobs.newest_of(ledger, name.lower())
        if newest is not None:
            return Elsewhere(_path(newest["id"]))
    if found is None:
        raise NotFound(f"Job {name} not found", cure="/jobs/ lists them all")
    members = jobs.members(ledger, found["id"])
    part = part_of(members, _rank, lambda one: one["key"], down=False, page=asked["page"], per=PER_DETAILS)
    before = queries.latest_good_runs(ledger, [one["key"] for one in part.rows])
    counted = {outcome: sum(outcome_of(one) is outcome for one in members) for outcome in STANDINGS}
    data = {
        **{name: found[name] for name in OF_JOB},
        "total": len(members),
        "outcomes": {STANDINGS[outcome][1]: count for outcome, count in counted.items() if count},
        "files": [_file(one) for one in found["files"]],
        "data_sources": [_data_source(asked, one, before.get(one["key"])) for one in part.rows],
    }
    seen = _seen(asked, part.rows[:LOOKED_INTO])
    names = {
        "running": found["status"] in LIVE,
        "says": STATES[found["status"]],
        "web": asked.site.web_url(found["repository"]),
        "seen": seen,
        "words": {STANDINGS[outcome][1]: outcome.words for outcome in STANDINGS},
        "file_words": FILES,
        "kinds": KINDS,
        "most": FINDINGS,
        "anchors": {one["key"]: f"source-{place}" for place, one in enumerate(part.rows, 1)},
    }
    return Answer(data, title=_title(found), links=part.links(asked), only_page=names)


def _seen(asked: Asked, members: Sequence[Row]) -> Mapping[str, Pair]:
    """The first rows of these data sources, by key."""
    seen = asked.site.glimpses.of(asked.site, members)
    asked.missed.extend(key for key, pair in seen.items() if any(one.trouble == AWAY for one in pair))
    return seen


def _title(job: Row) -> str:
    if job["pull_request"]:
        return f"Pull request {job['pull_request']}"
    return f"Push of {job['head_sha'][:7]}"


def _rank(member: Row) -> int:
    return STANDINGS[outcome_of(member)][0]


def _file(found: Mapping[str, Any]) -> dict[str, Any]:
    names = ("line", "column", "where", "severity", "message", "cure")
    return {
        "path": found["path"],
        "outcome": found["outcome"],
        "detail": found.get("detail", ""),
        "findings": [{name: one.get(name) for name in names} for one in found.get("findings", ())],
    }


def _data_source(asked: Asked, member: Row, before: Row | None) -> dict[str, Any]:
    """How it stands, what is wrong with it, and how its result differs from what is published."""
    outcome = outcome_of(member)
    run = {"outputs": member["run_outputs"] or {}, "pruned_at": member["run_pruned_at"]}
    names = ("rows", "sampled", "licence", "share_alike", "attribution_name", "tests_passed", "cache_size", "bounds")
    return {
        "key": member["key"],
        "outcome": STANDINGS[outcome][1],
        "status": member["run_status"],
        "run_id": member["run_id"],
        "reused": member["reused"],
        "problem": _problem(member, outcome),
        **{name: member[f"run_{name}"] for name in names},
        "warnings": list(member["run_warnings"] or ()),
        "published": _published(before),
        "would_be_held": list(would_be_held(member, before, limits_of(asked.site.settings))),
        "change": _change(member["run_rows"], before, sampled=bool(member["run_sampled"])),
        "fields": _fields(member, before),
        "outputs": objects(asked, run),
        "preview": preview(asked, run),
    }


def _problem(member: Row, outcome: Outcome) -> dict[str, str] | None:
    text = member["run_problem"]
    if outcome is Outcome.OURS:
        why = member["detail"] or (member["run_detail"] if text != Problem.OUR_FAULT else "")
        return {"text": str(Problem.OUR_FAULT), "detail": why or "", "cure": CURES[Problem.OUR_FAULT]}
    if text is None:
        return None
    return {"text": text, "detail": member["run_detail"] or "", "cure": member["run_cure"] or CURES.get(text, "")}


def _published(before: Row | None) -> dict[str, Any] | None:
    """What the default branch has."""
    if before is None:
        return None
    return {name: before[name] for name in ("id", "rows", "licence", "share_alike", "ended_at")}


def _change(now: int | None, before: Row | None, *, sampled: bool) -> int | None:
    """By how many rows the result differs; None where there is nothing to compare."""
    if now is None or before is None or before["rows"] is None or sampled:
        return None
    return int(now - before["rows"])


def _fields(member: Row, before: Row | None) -> list[dict[str, Any]]:
    """In which share of the rows each field has text, now and in the default branch."""
    rows, rows_before = member["run_rows"], before["rows"] if before else None
    if not rows:
        return []
    now, had = filled(member["run_counters"] or {}), filled(before["counters"] if before else {})
    return [
        {
            "field": name,
            "share": now.get(name, 0) / rows,
            "share_published": had.get(name, 0) / rows_before if rows_before else None,
        }
        for name in sorted({*now, *had})
    ]


OF_DATA_SOURCE = tuple(
    Field(name, kind, says, "data_sources")
    for name, kind, says in (
        ("key", Kind.STRING, "names the data source once merged"),
        ("outcome", Kind.STRING, "; ".join(f"{word}: {outcome.words}" for outcome, (_, word) in STANDINGS.items())),
        ("status", Kind.STRING, "how its run ended; null: it has not"),
        ("run_id", Kind.INTEGER, "the run that counts"),
        ("reused", Kind.BOOLEAN, "whether it is a former run, as nothing has changed since"),
        ("problem", Kind.OBJECT, "text, detail and cure; null: none"),
        ("rows", Kind.INTEGER, "of its result"),
        ("sampled", Kind.BOOLEAN, "whether only a part of the data was converted"),
        ("licence", Kind.STRING, "as the source states it"),
        ("share_alike", Kind.BOOLEAN, "whether derived data must have the same licence"),
        ("attribution_name", Kind.STRING, "whom users must name"),
        ("tests_passed", Kind.BOOLEAN, "its acceptance tests; null: it has none"),
        ("cache_size", Kind.INTEGER, "bytes of the download"),
        ("bounds", Kind.ARRAY, "west, south, east, north"),
        ("warnings", Kind.ARRAY, "what its run found odd"),
        ("published", Kind.OBJECT, "what the default branch has: id of the run, rows, licence; null: nothing"),
        (
            "would_be_held",
            Kind.ARRAY,
            "what it loses, so that it would be held after a merge; empty: it would not",
        ),
        ("change", Kind.INTEGER, "by how many rows it differs from that; null: nothing to compare"),
        ("fields", Kind.ARRAY, "field, share of rows in which it has text, and of those that are published"),
        ("outputs", Kind.ARRAY, "its files: kind, url, size, sha256, rows"),
        ("preview", Kind.STRING, "address of a picture of its map"),
    )
)
ENDPOINTS = (
    Endpoint(
        "/jobs/",
        "Jobs",
        "What became of each pull request and push, the newest first.",
        listed,
        template="jobs.html",
        twins={"json": json_form()},
        parameters=(
            Parameter("past", "jobs before the one of this id", most=100),
            PLACE,
        ),
        result=(
            Field("jobs", Kind.ARRAY, "this part of them: id, status, pull_request, head_sha, members, failed, url"),
            Field("next", Kind.STRING, "older ones"),
        ),
        example="/jobs.json",
        cache=Cache.LIVE,
    ),
    Endpoint(
        "/jobs/<job>",
        "A job",
        "What one pull request or push proposes, whether it works, and what is to be mended.",
        one_job,
        template="job.html",
        twins={"json": json_form()},
        parameters=(Parameter("job", "the job's id, or a commit's sha", in_path=True, most=100), PAGE),
        result=(
            *columns(tables.jobs, OF_JOB),
            Field("total", Kind.INTEGER, "data sources in it"),
            Field("outcomes", Kind.OBJECT, "data sources by outcome"),
            Field("files", Kind.ARRAY, "path, outcome, detail and findings of each changed file"),
            Field("data_sources", Kind.ARRAY, "this part of them, the worst first"),
            *OF_DATA_SOURCE,
            *OTHER_PARTS,
        ),
        example=f"/jobs/{40 * 'a'}",
        cache=Cache.LIVE,
    ),
)  # fmt: skip
