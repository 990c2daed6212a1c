"""A small ledger with something of everything, and one in which every text is hostile."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from oa_pipeline.ledger.runs import CacheFacts
from oa_pipeline.ledger.tables import RunStatus, builds, sets, zips
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.ledger.life import MINUTE, NOW, declare, job, propose, run

from .checked import fill_jobs, fill_sets

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
TURNED = "a\u202eb\u2028c"
KEY, SOURCE = "us/ca/alameda/addresses/county", "us/ca/alameda"
HOSTILE = "us/x" + SCRIPT.replace("/", "\u2215")
HOSTILE_KEY = f"{HOSTILE}/addresses/{TURNED}{SCRIPT.replace('/', '%2F')}"


@dataclass(frozen=True)
class Filled:
    """The numbers of what is in it."""

    good: int
    failed: int
    held: int
    proposed: int
    hostile: int
    set_id: int
    job_id: str
    open_set_id: int  # at work
    pushed: str  # a job that failed


def outputs(prefix: str, source: str, **more: Any) -> dict[str, Any]:
    names = {
        "csv": f"{source}.zip",
        "geojson": "out.geojson.gz",
        "parquet": "out.parquet",
        "sample": "sample.json",
        "log": "output.txt",
        "cache": "cache.csv",
    }
    made = {k: {"key": f"{prefix}{n}", "size": 1234567, "sha256": "ab" * 32, "rows": 3} for k, n in names.items()}
    return made | more


def fill(engine: sa.Engine, store: Path) -> Filled:
    declare(engine, KEY, commit_sha="c" * 40)
    declare(engine, "us/ca/alameda/parcels/county")
    facts: dict[str, Any] = {
        "rows": 1234567,
        "geometry_type": "Point",
        "bounds": (-122.4, 37.4, -121.4, 37.9),
        "prefix": "runs/1/",
        "outputs": outputs("runs/1/", SOURCE),
        "seconds": {"download": 3.5, "total": 10.5},
        "website": "https://ac.example/",
        "counters": {"field/street/filled": 1234000, "field/city/filled": 12, "rows/read": 1234570},
        "cache": CacheFacts("cd" * 32, "ef" * 16, 999, "text/csv", {}),
        "content_hash": "0123456789abcdef",
        "licence": Licence("CC BY 4.0", True, "Alameda County", False),
    }
    good = run(engine, KEY, **facts)
    _sample(store, "runs/1/sample.json", [["NUM", "STREET"], ["1", "Main St"], ["2", None]])
    run(engine, KEY, at=NOW + MINUTE, **facts | {"copy_of": good, "seconds": {}})
    declare(engine, "us/ca/berkeley/addresses/city")
    run(engine, "us/ca/berkeley/addresses/city", at=NOW - timedelta(days=40))
    declare(engine, "fr/paris/addresses/city")
    failed = run(
        engine, "fr/paris/addresses/city", RunStatus.FAILED, detail="https://p.example/ said 503", cure="ask them"
    )
    declare(engine, "fr/lyon/addresses/city")
    run(engine, "fr/lyon/addresses/city", RunStatus.FAILED, problem="Source is missing a conform object")
    declare(engine, "de/berlin/buildings/city")
    run(engine, "de/berlin/buildings/city", rows=900)
    held = run(engine, "de/berlin/buildings/city", RunStatus.HELD, at=NOW + MINUTE, rows=3)
    declare(engine, "at/wien/addresses/city")
    declare(engine, "at/graz/addresses/city")
    run(engine, "at/graz/addresses/city", RunStatus.SKIPPED)
    propose(engine, KEY)
    job_id = job(engine)
    proposed = run(engine, f"7/{'a' * 40}/{KEY}", job_id=job_id)
    hostile, complete = _hostile(engine, store), _built(engine)
    open_set = fill_sets(engine, complete, HOSTILE_KEY, SCRIPT)
    pushed = fill_jobs(engine, job_id, KEY, proposed, hostile, SCRIPT)
    return Filled(good, failed, held, proposed, hostile, complete, job_id, open_set, pushed)


def _hostile(engine: sa.Engine, store: Path) -> int:
    key = declare(engine, HOSTILE_KEY, source=HOSTILE)
    words: dict[str, Any] = {
        "detail": SCRIPT + "\x07 \x1b[31m",
        "cure": SCRIPT,
        "warnings": [SCRIPT, "a\x01b"],
        "website": "javascript:alert(1)",
        "licence": Licence("data:text/html,<script>alert(1)</script>", True, SCRIPT + "\x0b", True),
        "geometry_type": SCRIPT,
        "counters": {f"field/{SCRIPT.replace('/', '')}/filled": 1},
        "code_version": SCRIPT,
    }
    made = outputs("runs/9/", "x", sample={"key": "runs/9/sample.json", "size": 9, "sha256": SCRIPT, "rows": 1})
    made[SCRIPT] = {"key": "http://169.254.169.254/latest", "size": 1, "sha256": "x", "rows": 1}
    run(engine, key, rows=5, outputs=made, **words)
    _sample(store, "runs/9/sample.json", [[SCRIPT, TURNED], [SCRIPT, None, SCRIPT]])
    return run(engine, key, RunStatus.FAILED, at=NOW + MINUTE, problem=SCRIPT, **words)


def _built(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        build = connection.scalar(
            sa.insert(builds)
            .values(kind="collections", status="published", started_at=NOW, ended_at=NOW)
            .returning(builds.c.id)
        )
        for area, licence, size in (("global", "", 5_000_000), ("global", "sa", 5000), ("asia", "", 1023)):
            values = {
                "build_id": build,
                "area": area,
                "licence": licence,
                "form": "zip",
                "size": size,
                "sha256": "e" * 64,
                "key": f"collections/1/openaddr-collected-{area}.zip",
                "rows": 7,
                "sources": 2,
                "is_current": True,
                "created_at": NOW,
            }
            connection.execute(sa.insert(zips).values(values))
        number = connection.scalar(
            sa.insert(sets)
            .values(status="complete", repository="o/r", started_at=NOW, deadline_at=NOW, ended_at=NOW)
            .returning(sets.c.id)
        )
    assert number is not None
    return int(number)


def _sample(store: Path, key: str, table: object) -> None:
    path = store / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table))
