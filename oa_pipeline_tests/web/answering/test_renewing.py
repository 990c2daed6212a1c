"""Costly answers: whoever comes gets what is there, and the newer one is made meanwhile."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.errors import PublishError
from oa_pipeline.web.answering.renewing import Renewing
from oa_pipeline.web.app import create_app
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import declare, run

from ..full import no_thread

ADDRESS = "/state.txt\n"
FRESH = 60.0


def aged(own: Site, seconds: float) -> None:
    """The page, as if it had been made so long ago; there is something newer since."""
    page = own.kept.get(ADDRESS)
    assert page is not None
    own.kept.put(ADDRESS, replace(page, made=time.time() - seconds))


def lines(own_reader: FlaskClient) -> int:
    answer = own_reader.get("/state.txt")
    assert answer.status_code == 200
    return len(answer.text.splitlines()) - 1


def later(engine: sa.Engine) -> None:
    declare(engine, "fr/lyon/addresses/city")
    run(engine, "fr/lyon/addresses/city")


def test_what_is_fresh_is_shown_and_left_alone(own_reader: FlaskClient, own: Site, engine: sa.Engine) -> None:
    assert lines(own_reader) == 1
    later(engine)
    assert lines(own_reader) == 1
    assert own.renewing._at_work == set()


def test_what_is_no_longer_fresh_is_shown_once_more_and_made_anew(
    own_reader: FlaskClient, own: Site, engine: sa.Engine
) -> None:
    assert lines(own_reader) == 1
    tag = own_reader.get("/state.txt").headers["ETag"]
    later(engine)
    aged(own, FRESH + 1)

    assert lines(own_reader) == 1
    until = time.monotonic() + 120
    while lines(own_reader) == 1:
        assert time.monotonic() < until, "it was not made anew"
        time.sleep(0.02)
    assert own_reader.get("/state.txt").headers["ETag"] != tag


def test_what_is_too_old_is_waited_for(own_reader: FlaskClient, own: Site, engine: sa.Engine) -> None:
    assert lines(own_reader) == 1
    later(engine)
    aged(own, FRESH * 10 + 1)
    assert lines(own_reader) == 2


def test_after_a_restart_the_page_of_before_is_shown(own_reader: FlaskClient, own: Site, engine: sa.Engine) -> None:
    assert lines(own_reader) == 1
    later(engine)
    assert lines(create_app(site=Site(own.settings)).test_client()) == 1


def test_where_no_thread_can_be_started_it_is_made_for_the_next_who_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    renewing, made = Renewing(), threading.Event()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_thread)
        renewing.begin("a", made.set)
    assert not made.is_set()

    renewing.begin("a", made.set)
    assert made.wait(120)


def test_each_address_is_made_once_at_a_time_and_a_failure_hurts_nobody(tmp_path: Path) -> None:
    renewing, made, may = Renewing(), [], threading.Event()

    def slow() -> None:
        may.wait(120)
        made.append(1)

    def bad() -> None:
        raise PublishError("the ledger is away")

    for _ in range(5):
        renewing.begin("a", slow)
    renewing.begin("b", bad)
    renewing.begin("c", lambda: 1 // 0)
    may.set()
    for one in [one for one in threading.enumerate() if one.name == "renewing"]:
        one.join(120)
    assert made == [1]
    assert renewing._at_work == set()
