"""The site's clock is set: no page is of the future, and none is old for as long as the clock was set back."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.http import http_date

from oa_pipeline.web.answering.keeping import AGAIN, Kept, Page
from oa_pipeline.web.rendering import age
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import declare, run

HOURS = 7200.0


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(hours=2), "today"),
        (timedelta(0), "today"),
        (timedelta(hours=-2), "today"),
        (timedelta(days=-2), "today"),
        (timedelta(hours=23), "yesterday"),
    ],
    ids=["two hours", "now", "in two hours", "in two days", "the day before"],
)
@pytest.mark.parametrize(
    "now",
    [datetime(2026, 3, 29, 2, 30, tzinfo=UTC), datetime(2026, 10, 25, 3, 30, tzinfo=UTC)],
    ids=["spring", "autumn"],
)
def test_no_age_is_negative_and_no_day_has_more_or_less_than_24_hours(now: datetime, ago: timedelta, said: str) -> None:
    assert age(now - ago, now) == said


def test_a_page_of_before_the_clock_was_set_back_is_made_anew(
    own_reader: FlaskClient, own: Site, engine: sa.Engine
) -> None:
    before = own_reader.get("/state.txt").text
    page = own.kept.get("/state.txt\n")
    assert page is not None
    own.kept.put("/state.txt\n", replace(page, made=time.time() + HOURS))
    declare(engine, "fr/lyon/addresses/city")
    run(engine, "fr/lyon/addresses/city")

    assert own_reader.get("/state.txt").text == before
    until = time.monotonic() + 120
    while own_reader.get("/state.txt").text == before:
        assert time.monotonic() < until, "it was not made anew"
        time.sleep(0.02)


def test_who_knows_a_page_of_the_future_gets_the_present_one(own_reader: FlaskClient) -> None:
    first = own_reader.get("/sources/")
    known = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert own_reader.get("/sources/", headers=known).status_code == 304
    later = {"If-Modified-Since": http_date(time.time() + HOURS)}
    assert own_reader.get("/sources/", headers=later).status_code == 200


def test_no_page_was_changed_in_the_future(own_reader: FlaskClient, engine: sa.Engine) -> None:
    declare(engine, "fr/lyon/addresses/city")
    run(engine, "fr/lyon/addresses/city", at=datetime.now(UTC) + timedelta(hours=2))
    said = own_reader.get("/sources/").last_modified
    assert said is not None
    assert said <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("jump", "written"), [(-HOURS, True), (HOURS, True), (AGAIN / 2, False)], ids=["back", "forward", "no jump"]
)
def test_a_page_goes_to_disk_again_although_the_clock_was_set(tmp_path: Path, jump: float, written: bool) -> None:
    kept = Kept(tmp_path, "1")
    for body, made in ((b"old", 1e9), (b"new", 1e9 + jump)):
        kept.put("/a", Page.of(body, content_type="text/plain", tag=str(made), modified=made, made=made))
    found = Kept(tmp_path, "1").last("/a")
    assert found is not None
    assert found.body == (b"new" if written else b"old")
