from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger.engine import reader_engine
from oa_pipeline.ledger.version import data_version
from oa_pipeline.web import catalogue
from oa_pipeline.web.catalogue import STATES, Catalogues, state_of
from oa_pipeline_tests.ledger.life import declare

from .full import no_thread

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATELY, LONG_AGO = NOW - timedelta(days=3), NOW - timedelta(days=31)


@pytest.mark.parametrize(
    ("status", "good_at", "state"),
    [
        (None, None, "new"),
        ("succeeded", LATELY, "good"),
        ("succeeded", LONG_AGO, "stale"),
        ("failed", LATELY, "failing"),
        ("failed", LONG_AGO, "failing"),
        ("failed", None, "broken"),
        ("lost", None, "broken"),
        ("lost", LATELY, "good"),
        ("cancelled", None, "new"),
        ("cancelled", LONG_AGO, "stale"),
        ("held", LATELY, "held"),
        ("skipped", None, "skipped"),
    ],
)
def test_the_newest_and_the_good_run_tell_the_state(status: str | None, good_at: datetime | None, state: str) -> None:
    assert state_of(status, good_at, NOW) == state
    assert state in STATES


def test_a_state_is_the_same_all_day() -> None:
    good_at = NOW.replace(hour=15)
    states = [state_of("succeeded", good_at, NOW + timedelta(days=30, hours=hours)) for hours in (0, 15.5, 23.9, 24)]
    assert states == ["good", "good", "good", "stale"]


def test_nobody_waits_while_a_newer_one_is_read(engine: sa.Engine, database: str) -> None:
    reader = reader_engine(database)
    catalogues = Catalogues(lambda: reader, fresh_seconds=1e-9)
    first = catalogues.current(data_version(reader), NOW)
    declare(engine, "x/addresses/county")
    version = data_version(reader)

    assert catalogues.current(version, NOW) is first
    until = time.monotonic() + 120
    while (held := catalogues.current(version, NOW)) is first:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert (held.version, len(held.rows)) == (version, 1)
    reader.dispose()


def test_what_is_too_old_is_shown_to_nobody(engine: sa.Engine, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = reader_engine(database)
    catalogues = Catalogues(lambda: reader, fresh_seconds=1e-9)
    first = catalogues.current(data_version(reader), NOW)
    declare(engine, "x/addresses/county")
    monkeypatch.setattr(catalogue, "OLDEST", 0.0)

    assert len(first.rows) == 0
    assert len(catalogues.current(data_version(reader), NOW).rows) == 1
    reader.dispose()


def test_where_no_thread_can_be_started_it_is_read_by_the_next_who_comes(
    engine: sa.Engine, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = reader_engine(database)
    catalogues = Catalogues(lambda: reader, fresh_seconds=1e-9)
    first = catalogues.current(data_version(reader), NOW)
    declare(engine, "x/addresses/county")
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_thread)
        assert catalogues.current(data_version(reader), NOW) is first

    until = time.monotonic() + 120
    while catalogues.current(data_version(reader), NOW) is first:
        assert time.monotonic() < until
        time.sleep(0.01)
    reader.dispose()


def test_a_failed_reading_leaves_what_was_there(engine: sa.Engine, database: str) -> None:
    reader = reader_engine(database)
    ways: list[Any] = [reader]

    def ledger() -> sa.Engine:
        if not ways:
            raise PublishError("away")
        return ways.pop()

    catalogues = Catalogues(ledger, fresh_seconds=1e-9)
    first = catalogues.current(data_version(reader), NOW)
    declare(engine, "x/addresses/county")

    assert catalogues.current(data_version(reader), NOW) is first
    assert catalogues.current(data_version(reader), NOW) is first
    reader.dispose()
