"""Sets and jobs over the small ledger of `filled`: one of each that has ended, one that is at work."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from oa_pipeline.ledger.tables import job_members, jobs, runs, set_members, sets
from oa_pipeline_tests.ledger.life import MINUTE, NOW

PUSHED = "b" * 40
ENDED: dict[str, tuple[str, str]] = {  # by key: outcome, host
    "us/ca/alameda/addresses/county": ("succeeded", "ac.example"),
    "us/ca/berkeley/addresses/city": ("unchanged", "b.example"),
    "fr/paris/addresses/city": ("failed", "p.example"),
    "fr/lyon/addresses/city": ("failed", "l.example"),
    "de/berlin/buildings/city": ("held", "d.example"),
    "at/graz/addresses/city": ("skipped", "g.example"),
    "at/wien/addresses/city": ("lost", "w.example"),
}


def fill_sets(engine: sa.Engine, complete: int, hostile: str, script: str) -> int:
    """Members of the complete set; and a set that is at work, whose number it gives."""
    with engine.begin() as connection:
        found = connection.execute(sa.text("SELECT key, max(id) FROM oa.runs GROUP BY key"))
        newest = {key: number for key, number in found}
        good = {key: number for key, number in connection.execute(sa.text("SELECT key, run_id FROM oa.pointers"))}
        ended = ENDED | {hostile: ("failed", script)}
        of_set = [
            {"set_id": complete, "key": key, "position": n, "host": host, "step": "ended", "outcome": outcome,
             "run_id": good[key] if outcome in {"succeeded", "unchanged"} else newest.get(key),
             "detail": script if key == hostile else "", "moved_at": NOW}
            for n, (key, (outcome, host)) in enumerate(ended.items())
        ]  # fmt: skip
        connection.execute(sa.insert(set_members), of_set)
        mine = [one["run_id"] for one in of_set if one["run_id"]]
        connection.execute(sa.update(runs).where(runs.c.id.in_(mine)).values(set_id=complete))
        counts: dict[str, Any] = {"members": len(of_set), "ended": len(of_set), "succeeded": 1, "unchanged": 1}
        counts |= {"failed": 3, "held": 1, "skipped": 1, "lost": 1}
        connection.execute(
            sa.update(sets)
            .where(sets.c.id == complete)
            .values(counts=counts, detail=f"first line\n{script}", commit_sha="d" * 40, code_versions=["1", script])
        )
        values = {"status": "open", "repository": script, "only": "*", "started_at": NOW + MINUTE}
        values |= {"deadline_at": NOW + timedelta(hours=60)}
        number = connection.scalar(sa.insert(sets).values(values).returning(sets.c.id))
        assert number is not None
        steps = ("ended", "ended", "ended", "waiting", "probing", "changed", "queued", "waiting")
        going = [
            {**one, "set_id": number, "step": step, "outcome": one["outcome"] if step == "ended" else "",
             "run_id": one["run_id"] if step == "ended" else None}
            for step, one in zip(steps, of_set, strict=True)
        ]  # fmt: skip
        connection.execute(sa.insert(set_members), going)
    return int(number)


def fill_jobs(engine: sa.Engine, pending: str, key: str, proposed: int, failed: int, script: str) -> str:
    """Files and data sources of a pull request's job; and a push that failed, whose id it gives."""
    finding = {"line": 3, "column": 1, "where": script, "severity": "error", "message": script, "cure": script}
    files = [
        {"path": "sources/us/ca/alameda.json", "outcome": "changed", "detail": "", "findings": []},
        {"path": f"sources/{script}.json", "outcome": "invalid", "detail": "", "findings": [finding] * 60},
        {"path": "sources/link.json", "outcome": "refused", "detail": script, "findings": []},
        {"path": "README.md", "outcome": "ignored", "detail": "outside sources/", "findings": []},
    ]
    partition = f"7/{'a' * 40}/{key}"
    values: dict[str, Any] = {
        "id": "job-push", "status": "failure", "repository": "o/r", "event": "push", "ref": f"refs/heads/{script}",
        "head_sha": PUSHED, "author": script, "detail": script, "files": files, "created_at": NOW + MINUTE,
        "deadline_at": NOW + timedelta(hours=3), "ended_at": NOW + 2 * MINUTE,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == pending).values(files=files[:1], author="somebody"))
        connection.execute(sa.insert(jobs).values(values))
        members = [
            {"job_id": pending, "key": key, "partition": partition, "run_id": proposed, "ended_at": NOW},
            {"job_id": pending, "key": "fr/paris/addresses/city", "partition": partition, "run_id": None,
             "ended_at": None},
            {"job_id": "job-push", "key": key, "partition": partition, "run_id": proposed, "ended_at": NOW},
            {"job_id": "job-push", "key": f"x/addresses/{script}", "partition": partition, "run_id": failed,
             "ended_at": NOW},
        ]  # fmt: skip
        connection.execute(sa.insert(job_members), members)
    return "job-push"
