from __future__ import annotations

import select

import sqlalchemy as sa

from oa_pipeline.ledger import assignments
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.bell import Bell


def test_an_offer_wakes_who_listens(engine: sa.Engine) -> None:
    bell = Bell(engine)
    assert bell.heard()  # what was offered before it listened
    assert not bell.heard()
    assignments.offer(engine, Assignment("a"))
    assert select.select([bell.fileno()], [], [], 120)[0]
    assert bell.heard()
    assert not bell.heard()
    bell.close()
    assert bell.fileno() is None


def test_a_cut_connection_is_opened_again_and_says_so(engine: sa.Engine) -> None:
    bell = Bell(engine)
    bell.heard()
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"))
    while not bell.heard():  # first what the server says of it, then the end
        assert select.select([bell.fileno()], [], [], 120)[0]
    assert bell.fileno() is None
    assert bell.heard()
    assignments.offer(engine, Assignment("a"))
    assert select.select([bell.fileno()], [], [], 120)[0]
    assert bell.heard()
    bell.close()
