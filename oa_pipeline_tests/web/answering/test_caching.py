"""What is kept, by whom, and what is shown when the database is away."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.engine import ledger_engine, reader_engine
from oa_pipeline.ledger.gate import accept
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.ledger.upgrade import upgrade
from oa_pipeline.orchestration import embedded
from oa_pipeline.settings import Settings
from oa_pipeline.web.answering import caching
from oa_pipeline.web.answering.caching import NOTICE
from oa_pipeline.web.app import create_app
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import NOW, declare, run

from ..filled import KEY, SOURCE

ADDRESSES = (
    "/",
    "/sources/",
    "/sources.csv",
    f"/sources/{SOURCE}",
    f"/sources/{SOURCE}.atom",
    "/runs/1/",
    "/runs/1.json",
    "/index.json",
    "/state.txt",
    "/collections/",
    "/quality/",
    "/quality.atom",
    "/changes/",
    "/licences/",
    "/statistics/",
    "/coverage/",
    "/coverage/us.csv",
    "/coverage/fr/",
    "/licences.txt",
    "/sets/",
    "/sets/1/",
    "/sets/1.json",
    "/sets/1/state.txt",
    "/jobs/",
    "/jobs/job-7-aaa",
    "/jobs/job-push.json",
    "/runs/1/sample.html",
    "/latest/licenses.json",
)


@contextmanager
def counted(site: Site) -> Iterator[list[str]]:
    """The statements that the site sends to the database meanwhile."""
    asked: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    engine = reader_engine(site.settings.database_url)
    sa.event.listen(engine, "before_cursor_execute", note)
    yield asked
    sa.event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_has_not_changed_is_answered_after_one_question(reader: FlaskClient, site: Site, address: str) -> None:
    first = reader.get(address)
    with counted(site) as asked:
        again = reader.get(address, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert len(asked) == 1
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"].startswith("public, max-age=")


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_process_that_never_made_the_page_knows_that_it_has_not_changed(
    reader: FlaskClient, site: Site, address: str
) -> None:
    first = reader.get(address)
    other = replace(site)
    again = create_app(site=other).test_client().get(address, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert not other.kept._pages, "it read what it did not have to send"


def test_a_page_that_was_made_before_is_not_made_again(reader: FlaskClient, site: Site) -> None:
    first = reader.get("/runs/2/")
    with counted(site) as asked:
        again = reader.get("/runs/2/?unknown=1")

    assert again.data == first.data
    assert len(asked) == 1


TAG = object()


@pytest.mark.parametrize(
    ("given", "status"),
    [("{}", 304), ('"x", {}', 304), ('"x", W/"y"', 200), ("*", 304), ("nonsense", 200), ("{strong}", 304)],
)
def test_known_versions_are_compared_as_http_says(reader: FlaskClient, given: str, status: int) -> None:
    tag = reader.get("/").headers["ETag"]
    said = given.replace("{strong}", tag.removeprefix("W/")).replace("{}", tag)

    assert reader.get("/", headers={"If-None-Match": said}).status_code == status
    assert reader.head("/", headers={"If-None-Match": said}).status_code == status


def test_dates_are_compared_where_no_version_is_given(reader: FlaskClient) -> None:
    modified = reader.get("/").headers["Last-Modified"]
    before = format_datetime(parsedate_to_datetime(modified) - timedelta(seconds=5), usegmt=True)

    assert reader.get("/", headers={"If-Modified-Since": modified}).status_code == 304
    assert reader.get("/", headers={"If-Modified-Since": before}).status_code == 200
    assert reader.get("/", headers={"If-Modified-Since": "yesterday"}).status_code == 200
    assert reader.get("/", headers={"If-Modified-Since": modified, "If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/sources/us/ca/nowhere", 404),
        ("/latest/run/us/ca/nowhere.zip", 404),
        ("/sources/us", 302),
        ("/sources.csv?per=7", 304),
    ],
)
def test_a_date_does_not_make_of_what_never_was_what_has_not_changed(
    reader: FlaskClient, address: str, status: int
) -> None:
    now = format_datetime(datetime.now(UTC), usegmt=True)

    assert reader.get(address, headers={"If-Modified-Since": now}).status_code == status


@pytest.mark.parametrize("address", ADDRESSES)
def test_head_is_the_same_without_the_body(reader: FlaskClient, address: str) -> None:
    head, get = reader.head(address), reader.get(address)

    assert (head.status_code, head.data) == (200, b"")
    assert {n: v for n, v in head.headers.items() if n != "Date"} == {
        n: v for n, v in get.headers.items() if n != "Date"
    }


@pytest.mark.parametrize(
    ("accepted", "packed"), [("gzip, br", True), ("gzip;q=0", False), ("identity", False), ("*", True), ("", False)]
)
def test_a_page_is_compressed_for_whom_it_suits(reader: FlaskClient, accepted: str, packed: bool) -> None:
    plain = reader.get("/").data
    answer = reader.get("/", headers={"Accept-Encoding": accepted})

    assert ("Content-Encoding" in answer.headers) is packed
    assert (gzip.decompress(answer.data) if packed else answer.data) == plain
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_what_is_short_is_not_compressed(reader: FlaskClient) -> None:
    assert "Content-Encoding" not in reader.get("/robots.txt", headers={"Accept-Encoding": "gzip"}).headers


def test_every_change_that_a_page_shows_changes_its_version(engine: sa.Engine, settings: Settings) -> None:
    reader = create_app(site=Site(settings, catalogue_seconds=0)).test_client()
    now = datetime(2026, 4, 1, tzinfo=UTC)
    seen = [reader.get("/").headers["ETag"]]

    def changed(what: str) -> None:
        seen.append(reader.get("/").headers["ETag"])
        assert seen[-1] not in seen[:-1], what

    declare(engine, KEY)
    changed("a data source is new")
    run(engine, KEY, at=now)
    changed("a run has ended")
    run(engine, KEY, RunStatus.FAILED, at=now - timedelta(days=1))
    changed("one that is dated before has ended")
    held = run(engine, KEY, RunStatus.HELD, at=now)
    changed("one is held")
    accept(engine, held, "me", now=now + timedelta(hours=1))
    changed("it is let through")
    assert reader.get("/").headers["ETag"] == seen[-1]


def test_a_list_is_as_old_as_its_version_says_until_it_is_read_anew(engine: sa.Engine, settings: Settings) -> None:
    site = Site(settings, catalogue_seconds=3600)
    reader = create_app(site=site).test_client()
    first = reader.get("/sources.json")
    declare(engine, KEY)
    second = reader.get("/sources.json")

    assert second.headers["ETag"] == first.headers["ETag"]
    assert second.get_json()["total"] == 0
    assert create_app(site=Site(settings)).test_client().get("/sources.json").get_json()["total"] == 1


def test_what_nobody_runs_grows_old_although_the_ledger_stands_still(engine: sa.Engine, settings: Settings) -> None:
    now = [NOW]
    reader = create_app(site=Site(settings, clock=lambda: now[0])).test_client()
    declare(engine, KEY)
    run(engine, KEY)
    addresses = (f"/sources/{SOURCE}", "/", "/sources/?state=good", "/quality/")
    first = {address: reader.get(address) for address in addresses}
    assert "<small>today</small>" in first["/"].text
    assert reader.get("/sources.json").get_json()["data_sources"][0]["state"] == "good"

    now[0] += timedelta(days=31)
    for address, before in first.items():
        again = reader.get(address, headers={"If-None-Match": before.headers["ETag"]})
        assert (again.status_code, again.text == before.text) == (200, False), address
    assert "<small>31 days ago</small>" in reader.get("/").text
    assert reader.get(f"/sources/{SOURCE}.json").get_json()["state"] == "stale"
    assert reader.get("/sources.json").get_json()["data_sources"][0]["state"] == "stale"
    assert reader.get("/quality.json").get_json()["states"] == {"stale": 1}


def test_the_day_changes_the_date_of_a_page_too(reader: FlaskClient, site: Site) -> None:
    later = datetime.now(UTC) + timedelta(days=40)
    modified = reader.get("/").headers["Last-Modified"]
    tomorrow = create_app(site=replace(site, clock=lambda: later)).test_client()

    assert reader.get("/", headers={"If-Modified-Since": modified}).status_code == 304
    assert tomorrow.get("/", headers={"If-Modified-Since": modified}).status_code == 200


@pytest.fixture
def own(home: Path) -> Iterator[tuple[embedded.Running, Settings]]:
    """A database server that may be stopped, and a site's settings for it."""
    running = embedded.start(home, options=("fsync=off",))
    try:
        upgrade(running.url)
        yield running, Settings(home=home, database_url=running.url, dev=True, public_url="https://site.example")
        reader_engine(running.url).dispose()
        ledger_engine(running.url).dispose()
    finally:
        running.stop()


def test_without_a_database_the_last_pages_are_shown_and_say_so(own: tuple[embedded.Running, Settings]) -> None:
    running, settings = own
    declare(ledger_engine(running.url), KEY)
    run(ledger_engine(running.url), KEY)
    reader = create_app(site=Site(settings)).test_client()
    for address in ("/", "/sources.json", "/runs/1/"):
        assert reader.get(address).status_code == 200
    # By an application of its own: what one has found out is good for a second.
    assert create_app(site=Site(settings)).test_client().get("/healthz").status_code == 200
    reader_engine(running.url).dispose()
    ledger_engine(running.url).dispose()
    running.stop()

    restarted = create_app(site=Site(settings)).test_client()  # of another process: what is on disk is left
    for each in (reader, restarted):
        page, data = each.get("/"), each.get("/sources.json")
        assert page.status_code == data.status_code == 200
        assert "<strong>Old page.</strong>" in page.text
        assert "us/" in each.get("/runs/1/").text
        assert data.get_json()["total"] == 1
        assert data.headers["Warning"].startswith("110")
        assert "max-age=15" in page.headers["Cache-Control"]
        never_seen = each.get("/sources/us/ca/alameda", headers={"Accept": "text/html"})
        assert (never_seen.status_code, never_seen.headers["Retry-After"]) == (503, "10")
        assert each.get("/robots.txt").status_code == 200
        assert each.get("/healthz").status_code == each.get("/health").status_code == 503
        assert running.url not in each.get("/healthz").text


def test_a_database_that_does_not_answer_in_time_is_as_if_it_were_away(
    engine: sa.Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(settings, catalogue_seconds=0)
    reader = create_app(site=site).test_client()
    run(engine, declare(engine, KEY), website=NOTICE.decode())
    assert "<strong>Old page.</strong>" not in reader.get("/").text
    assert reader.get("/sources.json").status_code == 200

    monkeypatch.setattr(caching, "REST", 3600.0)
    with engine.begin() as connection:
        connection.execute(sa.text("LOCK TABLE oa.runs IN ACCESS EXCLUSIVE MODE"))
        assert "<strong>Old page.</strong>" in reader.get("/").text
        (told,) = reader.get("/sources.json").get_json()["data_sources"]
        assert told["website"] == NOTICE.decode(), "what a publisher wrote is no place for ours"
        with counted(site) as asked:
            assert "<strong>Old page.</strong>" in reader.get("/").text
        assert not asked  # it is left alone for a moment
    monkeypatch.setattr("time.monotonic", lambda now=caching.time.monotonic: now() + 3600)
    assert "<strong>Old page.</strong>" not in reader.get("/").text


def test_the_site_cannot_write_to_the_ledger(engine: sa.Engine, settings: Settings) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="read-only"), Site(settings).ledger().connect() as connection:
        connection.execute(sa.text("DELETE FROM oa.runs"))
