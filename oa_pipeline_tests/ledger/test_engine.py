from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger.engine import in_transaction, ledger_engine
from oa_pipeline.orchestration import embedded

NOWHERE = "postgresql://u:hidden-word@127.0.0.1:1/x"


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def test_an_outage_is_told_once_and_waited_out_only_so_long_and_the_password_stays_hidden(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    with pytest.raises(PublishError) as caught:
        in_transaction(ledger_engine(NOWHERE), lambda c: None, outage_seconds=600, clock=clock, sleep=clock.sleep)
    assert 500 < clock.now <= 600
    assert max(clock.naps) <= 15
    (told,) = caplog.messages
    assert "is away, and is asked again for 600 s" in told
    assert "hidden-word" not in f"{caught.value}{told}"


def test_a_deadlock_repeats_the_whole_transaction(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE oa.t (id int primary key, n int)"))
        connection.execute(sa.text("INSERT INTO oa.t VALUES (1, 0), (2, 0)"))
    meet, one_is_done = threading.Barrier(2, timeout=120), threading.Event()
    tries: list[int] = []

    def add(first: int, second: int) -> None:
        def work(connection: sa.Connection) -> None:
            tries.append(first)
            again = tries.count(first) > 1
            if again:  # or it could have its row once more before the other has, and both would be stuck a second time
                assert one_is_done.wait(120)
            connection.execute(sa.text("UPDATE oa.t SET n = n + 1 WHERE id = :i"), {"i": first})
            if not again:
                meet.wait()
            connection.execute(sa.text("UPDATE oa.t SET n = n + 1 WHERE id = :i"), {"i": second})

        in_transaction(engine, work)
        one_is_done.set()

    threads = [threading.Thread(target=add, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert list(connection.scalars(sa.text("SELECT n FROM oa.t ORDER BY id"))) == [2, 2]
    assert len(tries) == 3


def test_conflicts_without_end_fail_after_three_tries(engine: sa.Engine) -> None:
    tries = []

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        connection.execute(sa.text("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(PublishError, match="again"):
        in_transaction(engine, work, sleep=lambda _: None)
    assert len(tries) == 3


def test_our_own_mistake_is_not_repeated(engine: sa.Engine) -> None:
    tries = []

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        connection.execute(sa.text("SELECT nonsense"))

    with pytest.raises(PublishError, match="nonsense"):
        in_transaction(engine, work)
    assert len(tries) == 1


def test_a_read_only_server_fails_loudly(engine: sa.Engine) -> None:
    def work(connection: sa.Connection) -> None:
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        connection.execute(sa.text("CREATE TABLE oa.t (id int)"))

    with pytest.raises(PublishError, match="read-only"):
        in_transaction(engine, work)


def test_a_server_that_stops_at_once_and_comes_back_costs_a_reconnect(home: Path) -> None:
    server = embedded.start(home)
    try:
        engine = ledger_engine(server.url)
        in_transaction(engine, lambda c: c.execute(sa.text("CREATE TABLE t (n int)")))
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        server = embedded.start(home)
        in_transaction(engine, lambda c: c.execute(sa.text("INSERT INTO t VALUES (1)")))
        assert in_transaction(engine, lambda c: c.scalar(sa.text("SELECT n FROM t"))) == 1
    finally:
        server.stop()


def test_a_fork_gets_connections_of_its_own(engine: sa.Engine, database: str) -> None:
    assert ledger_engine(database) is engine
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, b"1" if ledger_engine(database) is not engine else b"0")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 1) == b"1"
    os.close(reader)
    os.close(writer)
