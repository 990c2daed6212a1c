from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.automation.lost import end_lost_runs
from oa_pipeline.ledger import queries
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Opening, open_run

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.mark.parametrize(
    ("dagsters", "ours"),
    [
        (DagsterRunStatus.STARTED, "running"),
        (DagsterRunStatus.CANCELING, "running"),
        (DagsterRunStatus.NOT_STARTED, "running"),
        (DagsterRunStatus.FAILURE, "lost"),
        (DagsterRunStatus.SUCCESS, "lost"),
        (DagsterRunStatus.CANCELED, "cancelled"),
        (None, "lost"),
    ],
)
def test_a_run_is_over_when_dagster_says_so(
    instance: DagsterInstance, engine: sa.Engine, dagsters: DagsterRunStatus | None, ours: str
) -> None:
    record(engine, [Declared("x/addresses/y", "x", "addresses", "y", {}, {}, "d")], now=NOW)
    run_id = create_run_for_test(instance, status=dagsters).run_id if dagsters else "deleted"
    ticket = open_run(engine, Opening("x/addresses/y", run_id), now=NOW)
    ended = end_lost_runs(instance, engine)
    row = queries.run(engine, ticket.number)
    assert row is not None
    assert row["status"] == ours
    assert ended == ([] if ours == "running" else [ticket.number])
