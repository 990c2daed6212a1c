from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.ledger import queries
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Opening, open_run
from oa_pipeline.orchestration.dagster_private import GRPC_INFO_TAG
from oa_pipeline.up.leftovers import end_leftovers

NOW = datetime(2020, 3, 1, tzinfo=UTC)  # long ago by any clock
OURS = Path("/home/of/this/sockets/code")
STARTED, WAITING, CANCELING = DagsterRunStatus.STARTED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.CANCELING


@pytest.mark.parametrize(
    ("status", "socket", "becomes"),
    [
        pytest.param(STARTED, str(OURS), DagsterRunStatus.FAILURE, id="begun"),
        pytest.param(DagsterRunStatus.STARTING, str(OURS), DagsterRunStatus.FAILURE, id="about to begin"),
        pytest.param(CANCELING, str(OURS), DagsterRunStatus.CANCELED, id="being cancelled"),
        pytest.param(WAITING, str(OURS), WAITING, id="not yet begun"),
        pytest.param(STARTED, "/another/code", STARTED, id="of another home"),
        pytest.param(STARTED, None, STARTED, id="of another launcher"),
    ],
)
def test_what_a_killed_up_left_running_is_over(
    engine: sa.Engine, status: DagsterRunStatus, socket: str | None, becomes: DagsterRunStatus
) -> None:
    tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": socket})} if socket else {}
    record(engine, [Declared("x/addresses/y", "x", "addresses", "y", {}, {}, "d")], now=NOW)
    with DagsterInstance.ephemeral() as instance:
        run_id = create_run_for_test(instance, status=status, tags=tags).run_id
        ticket = open_run(engine, Opening("x/addresses/y", run_id), now=NOW)
        ended = end_leftovers(instance, engine, OURS)
        run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is becomes
    assert ended == ([run_id] if becomes is not status else [])
    row = queries.run(engine, ticket.number)
    assert row is not None
    expected = {DagsterRunStatus.FAILURE: "lost", DagsterRunStatus.CANCELED: "cancelled"}
    assert row["status"] == expected.get(becomes, "running")
