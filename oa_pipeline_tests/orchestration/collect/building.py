"""Results to collect, and what was made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import sqlalchemy as sa

from oa_pipeline.ledger import builds
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.ledger.tables import builds as builds_table
from oa_pipeline.orchestration.collect import Collection, collect
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.publish.store import Store
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.publish.collections.results import Result, copied_to, lines, publish

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
RESULTS = [
    Result("us/ca/alameda", "county", rows=40, at=(-122, 37)),
    Result("fr/paris", rows=9),
    Result("it/roma", rows=6),
    Result("za/cape", rows=4, at=(18, -33), share_alike=True),
]


def finish(workplace: Workplace, folder: Path, result: Result, status: RunStatus = RunStatus.SUCCEEDED) -> int:
    """A run of that data source, which ends so with its real objects in the store."""
    engine = workplace.ledger()
    declared = Declared(
        result.key, result.source, str(result.layer), result.name, {}, {}, "d", "b", "c0ffee", result.first
    )
    record(engine, [declared], now=NOW)
    ticket = open_run(engine, Opening(result.key, code_version="1"), now=NOW)
    row = publish(workplace.store(), folder, result, ticket.number)
    good = status in (RunStatus.SUCCEEDED, RunStatus.HELD)
    ending = Ending(
        status,
        NOW,
        problem=None if good else "Could not download source data",
        rows=result.rows,
        outputs=row["outputs"] if good else {},
        data_version=f"v{ticket.number}",
        licence=Licence(row["licence"], None, "", result.share_alike),
        held_because=("fewer rows",) if status is RunStatus.HELD else (),
    )
    assert end_run(engine, ticket, ending)
    return ticket.number


def process(workplace: Workplace, folder: Path, results: Sequence[Result] = RESULTS) -> list[int]:
    return [finish(workplace, folder, result) for result in results]


def made(workplace: Workplace, **how: Any) -> Collection:
    return collect(workplace, say=lambda _: None, **how)


def rows_in(store: Store, key: str, folder: Path) -> dict[str, int]:
    with ZipFile(copied_to(store, key, folder)) as archive:
        assert archive.testzip() is None
        members = json.loads(archive.read("manifest.json"))["members"]
        return {member["key"]: sum(1 for _ in lines(archive.read(member["csv"]))) for member in members}


def current(workplace: Workplace) -> dict[str, str]:
    rows = builds.current_zips(workplace.ledger())
    return {f"{row['area']}{row['licence']}-{row['layer']}.{row['form']}": row["key"] for row in rows}


def build_row(workplace: Workplace, number: int) -> Any:
    with workplace.ledger().connect() as connection:
        return connection.execute(sa.select(builds_table).where(builds_table.c.id == number)).one()
