"""A page of something at work brings itself up to date, says so to those who listen, and rests when all is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline_tests.database import open_folder, temporary
from oa_pipeline_tests.web.filled import Filled, fill
from oa_pipeline_tests.web.served import served

from .looking import SECONDS

SOON = 5_000  # milliseconds between two looks


@dataclass(frozen=True)
class Going:
    """A site of this test's own, whose ledger it changes."""

    url: str
    filled: Filled
    engine: sa.Engine

    def happens(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in (*statements, "UPDATE oa.pointers SET swapped_at = clock_timestamp()"):
                connection.execute(sa.text(statement))


@pytest.fixture(scope="module")
def going(chromium: str, server: str, ledger_template: str) -> Iterator[Going]:
    with open_folder() as folder:
        for url in temporary(server, ledger_template):
            filled = fill(ledger_engine(url), folder / "store")
            with served(url, folder) as site:
                yield Going(site.url, filled, ledger_engine(url))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """With a clock that stands until it is moved."""
    made = browser.new_page()
    made.set_default_timeout(SECONDS * 1000)
    made.clock.install(time=0)
    made.clock.pause_at(1000)  # installed alone, it goes on like any other
    yield made
    made.close()


@pytest.fixture
def at_work(going: Going) -> str:
    """The address of a set that has just begun."""
    number = going.filled.open_set_id
    going.happens(
        f"UPDATE oa.sets SET status = 'open', ended_at = NULL WHERE id = {number}",
        f"UPDATE oa.set_members SET step = 'waiting', outcome = '', run_id = NULL WHERE set_id = {number}",
    )
    return f"{going.url}/sets/{number}/"


def ends(going: Going, which: str = "") -> None:
    going.happens(
        "UPDATE oa.set_members SET step = 'ended', outcome = 'lost'"
        f" WHERE set_id = {going.filled.open_set_id} AND key LIKE '{which}%'"
    )


def test_a_set_at_work_is_followed_to_its_end(going: Going, at_work: str, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(at_work)
    part = page.locator("#progress")
    assert "0 of 8 data sources have ended" in part.inner_text()
    assert part.get_attribute("aria-live") == "polite"

    ends(going, "at/")
    page.clock.run_for(SOON)
    page.get_by_text("2 of 8 data sources have ended").wait_for()
    assert asked.count(at_work) == 2

    going.happens(f"UPDATE oa.sets SET status = 'complete', ended_at = now() WHERE id = {going.filled.open_set_id}")
    page.clock.run_for(SOON)
    page.locator("#progress:not([data-live])").wait_for()
    assert "complete" in part.inner_text()
    before = len(asked)
    page.clock.run_for(20 * SOON)
    assert len(asked) == before


def test_who_stands_in_a_table_is_not_thrown_out_of_it(going: Going, at_work: str, page: Page) -> None:
    page.goto(at_work)
    link = page.locator("#members a").first
    link.focus()

    ends(going)
    page.clock.run_for(SOON)
    page.get_by_text("8 of 8 data sources have ended").wait_for()

    assert link.evaluate("one => one === document.activeElement")


def test_a_site_that_is_away_is_asked_less_often(going: Going, at_work: str, page: Page) -> None:
    page.goto(at_work)
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.route(at_work, lambda route: route.abort())

    def looks_after(milliseconds: int, expected: int) -> int:
        page.clock.run_for(milliseconds)
        for _ in range(1000):
            page.wait_for_timeout(20)
            if len(failed) == asked.count(at_work) >= expected:
                break
        page.evaluate("() => fetch('/robots.txt')")  # by then the page knows of its own failure, and waits again
        return asked.count(at_work)

    looks = ((1, 1), (1, 1), (1, 2), (2, 2), (2, 3))
    assert [looks_after(n * SOON, expected) for n, expected in looks] == [expected for _, expected in looks]
    page.unroute(at_work)
    ends(going)
    page.clock.run_for(12 * SOON)
    page.get_by_text("8 of 8 data sources have ended").wait_for()
