"""Servers that stop in the middle, are full, take no writes, cut connections or have none left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import queries
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.runs import Ending, Opening, beat, end_run, open_run
from oa_pipeline.ledger.snapshot import runs_to_date
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline_tests.cluster import Cluster, open_cluster
from oa_pipeline_tests.ledger.life import MINUTE, NOW, counts_by_status, declare, run

KEY = "us/ca/alameda/addresses/county"
GOOD = Ending(RunStatus.SUCCEEDED, NOW + MINUTE, rows=3)
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'oa_ledger'
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with open_cluster() as made:
        yield made


def when(engine: sa.Engine, words: str, then: Callable[[], object]) -> list[str]:
    """Calls `then` right before the first statement that begins with these words; gives all that do, as they come."""
    seen: list[str] = []

    def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(words):
            seen.append(statement)
            if len(seen) == 1:
                then()

    sa.event.listen(engine, "before_cursor_execute", look)
    return seen


def cut(engine: sa.Engine) -> int:
    """Cuts all connections that the ledger has; how many."""
    admin = sa.create_engine(engine.url, poolclass=sa.NullPool)
    with admin.connect() as connection:
        return connection.execute(sa.text(CUT)).rowcount


@pytest.mark.parametrize("words", ["UPDATE oa.runs", "INSERT INTO oa.pointers"])
def test_a_server_that_falls_between_the_end_of_a_run_and_its_pointer_leaves_no_half(
    cluster: Cluster, words: str
) -> None:
    engine = cluster.engine
    key = declare(engine, f"x/addresses/ends at {words}")
    ticket = open_run(engine, Opening(key), now=NOW)
    seen: list[dict[str, Any]] = []

    def fall_and_rise() -> None:
        cluster.fall()
        cluster.rise()
        seen.extend(dict(row) for row in queries.history(engine, key))

    when(engine, words, fall_and_rise)
    assert end_run(engine, ticket, GOOD)
    assert [(row["status"], row["rows"]) for row in seen] == [("running", None)]  # of the first try nothing was left
    assert [(row["id"], row["status"], row["rows"]) for row in queries.history(engine, key)] == [
        (ticket.number, "succeeded", 3)
    ]
    assert {row["key"]: row["id"] for row in runs_to_date(engine)}[key] == ticket.number
    assert queries.late(engine, ticket.number) == []


def test_a_server_that_falls_while_a_run_is_opened_gives_one_run(cluster: Cluster) -> None:
    engine = cluster.engine
    key = declare(engine, "x/addresses/opened")
    former = open_run(engine, Opening(key), now=NOW)
    when(engine, "INSERT INTO oa.runs", lambda: (cluster.fall(), cluster.rise()))
    ticket = open_run(engine, Opening(key), now=NOW)
    newest, lost = queries.history(engine, key)
    assert (newest["id"], newest["status"], newest["token"]) == (ticket.number, "running", ticket.token)
    assert (lost["id"], lost["status"], lost["successor"]) == (former.number, "lost", ticket.number)
    assert beat(engine, ticket, now=NOW)


def test_connections_that_were_cut_while_idle_cost_nothing(engine: sa.Engine) -> None:
    both = [engine.connect() for _ in range(2)]
    for connection in both:
        connection.execute(sa.select(1))
        connection.close()
    assert cut(engine) == 2
    naps: list[float] = []
    assert in_transaction(engine, lambda c: c.scalar(sa.select(1)), sleep=naps.append) == 1
    assert naps == []


def test_a_connection_that_is_cut_at_work_is_replaced_and_its_work_done_again(engine: sa.Engine) -> None:
    declare(engine, KEY)
    ticket = open_run(engine, Opening(KEY), now=NOW)
    seen = when(engine, "INSERT INTO oa.pointers", lambda: cut(engine))
    assert end_run(engine, ticket, GOOD)
    assert len(seen) == 2
    assert counts_by_status(engine) == {"succeeded": 1}
    assert [row["id"] for row in runs_to_date(engine)] == [ticket.number]


def test_whoever_finds_no_connection_free_waits_for_one(engine: sa.Engine) -> None:
    held = [engine.connect() for _ in range(5)]
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(in_transaction(engine, lambda c: c.scalar(sa.select(1)))))
    thread.start()
    thread.join(0.3)
    assert answers == []
    held.pop().close()
    thread.join(120)
    assert answers == [1]
    for connection in held:
        connection.close()


def test_a_queue_for_connections_that_does_not_move_ends_in_a_clear_error(engine: sa.Engine) -> None:
    narrow = sa.create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with narrow.connect(), pytest.raises(PublishError, match="limit of size 1"):
        in_transaction(narrow, lambda c: c.scalar(sa.select(1)), outage_seconds=0)
    narrow.dispose()


@pytest.fixture
def standby(engine: sa.Engine) -> sa.Engine:
    """A ledger after a failover to a server that takes no writes: old connections are cut, new ones may only read."""
    declare(engine, KEY)
    run(engine, KEY)
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on"))
    assert cut(engine)
    return engine


@pytest.fixture
def full(engine: sa.Engine) -> sa.Engine:
    """A ledger on a disk that is full: the server refuses every new row with the code it has for that."""
    declare(engine, KEY)
    run(engine, KEY)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION oa.no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON oa.runs EXECUTE FUNCTION oa.no_space()"
        )
    return engine


@pytest.mark.parametrize(("state", "words"), [("standby", "read-only transaction"), ("full", "No space left")])
def test_a_server_that_takes_no_writes_fails_them_at_once_and_still_answers(
    state: str, words: str, request: pytest.FixtureRequest
) -> None:
    engine: sa.Engine = request.getfixturevalue(state)
    before = [dict(row) for row in queries.history(engine, KEY)]
    tries = when(engine, "UPDATE oa.partitions", lambda: None)
    with pytest.raises(PublishError, match=words) as caught:
        open_run(engine, Opening(KEY), now=NOW)
    assert len(tries) == 1
    assert "has space and may be written" in caught.value.cure
    assert [dict(row) for row in queries.history(engine, KEY)] == before
    assert [row["status"] for row in runs_to_date(engine)] == ["succeeded"]
