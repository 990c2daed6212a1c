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
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.web.renewing import Renewing
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import declare, run

ADDRESS = "/state.txt\n"
FRESH = 60.0


@pytest.fixture
def site(settings: Settings, engine: sa.Engine) -> Site:
    declare(engine, "fr/paris/addresses/city")
    run(engine, "fr/paris/addresses/city")
    return Site(settings)


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return create_app(site=site).test_client()


def aged(site: Site, seconds: float) -> None:
    """The page, as if it had been made so long ago; there is something newer since."""
    page = site.kept.get(ADDRESS)
    assert page is not None
    site.kept.put(ADDRESS, replace(page, made=time.time() - seconds))


def lines(client: FlaskClient) -> int:
    answer = client.get("/state.txt")
    assert answer.status_code == 200
    return len(answer.text.splitlines()) - 1


def later(engine: sa.Engine) -> None:
    declare(engine, "fr/lyon/addresses/city")
    run(engine, "fr/lyon/addresses/city")


def test_what_is_fresh_is_shown_and_left_alone(client: FlaskClient, site: Site, engine: sa.Engine) -> None:
    assert lines(client) == 1
    later(engine)
    assert lines(client) == 1
    assert site.renewing._at_work == set()


def test_what_is_no_longer_fresh_is_shown_once_more_and_made_anew(
    client: FlaskClient, site: Site, engine: sa.Engine
) -> None:
    assert lines(client) == 1
    tag = client.get("/state.txt").headers["ETag"]
    later(engine)
    aged(site, FRESH + 1)

    assert lines(client) == 1
    until = time.monotonic() + 30
    while lines(client) == 1:
        assert time.monotonic() < until, "it was not made anew"
        time.sleep(0.02)
    assert client.get("/state.txt").headers["ETag"] != tag


def test_what_is_too_old_is_waited_for(client: FlaskClient, site: Site, engine: sa.Engine) -> None:
    assert lines(client) == 1
    later(engine)
    aged(site, FRESH * 10 + 1)
    assert lines(client) == 2


def test_after_a_restart_the_page_of_before_is_shown(client: FlaskClient, site: Site, engine: sa.Engine) -> None:
    assert lines(client) == 1
    later(engine)
    assert lines(create_app(site=Site(site.settings)).test_client()) == 1


def test_each_address_is_made_once_at_a_time_and_a_failure_hurts_nobody(tmp_path: Path) -> None:
    renewing, made, may = Renewing(), [], threading.Event()

    def slow() -> None:
        may.wait(30)
        made.append(1)

    def bad() -> None:
        raise PublishError("the ledger is away")

    for _ in range(5):
        renewing.begin("a", slow)
    renewing.begin("b", bad)
    renewing.begin("c", lambda: 1 // 0)
    may.set()
    for one in [one for one in threading.enumerate() if one.name == "renewing"]:
        one.join(30)
    assert made == [1]
    assert renewing._at_work == set()
