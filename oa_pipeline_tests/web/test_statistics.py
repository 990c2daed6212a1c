"""Sets over time, and what was lost and recovered, as the page of statistics tells it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.tables import RunStatus, set_members, sets
from oa_pipeline.publish.statistics import publish_statistics
from oa_pipeline.publish.store import open_store
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.web.drawn.sparkline import sparkline
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import NOW, declare, run

from .filled import SCRIPT
from .reading import parsed

G, F = RunStatus.SUCCEEDED, RunStatus.FAILED
PARIS, LYON, ROME = "fr/paris/addresses/city", "fr/lyon/addresses/city", "it/rome/addresses/city"
WEEK = timedelta(days=7)


def a_set(engine: sa.Engine, week: int, outcomes: dict[str, int | None]) -> None:
    """A complete set in which each of these came to so many rows; None: it failed."""
    at = NOW + week * WEEK
    with engine.begin() as connection:
        made = sa.insert(sets).values(status="complete", repository="o/r", started_at=at, deadline_at=at, ended_at=at)
        number = connection.scalar(made.returning(sets.c.id))
    for place, (key, rows) in enumerate(outcomes.items()):
        seconds = {"download": 1.0 + place, "total": 5.0 + place}
        run_id = run(
            engine, key, F if rows is None else G, at=at, set_id=number, rows=rows, seconds=seconds,
            problem=SCRIPT if key == LYON else "Could not download source data",
        )  # fmt: skip
        member = {
            "set_id": number, "key": key, "position": place, "host": f"{key.split('/')[1]}.example", "step": "ended",
            "run_id": run_id, "outcome": "", "moved_at": at,
        }  # fmt: skip
        with engine.begin() as connection:
            connection.execute(sa.insert(set_members).values(member))


@pytest.fixture
def counted(engine: sa.Engine, settings: Settings) -> FlaskClient:
    for key in (PARIS, LYON, ROME):
        declare(engine, key)
    a_set(engine, 0, {PARIS: 100, LYON: 50, ROME: None})
    a_set(engine, 1, {PARIS: 110, LYON: None, ROME: 7})
    publish_statistics(engine, open_store(settings.store_location), now=lambda: NOW + 2 * WEEK)
    return create_app(site=Site(settings, catalogue_seconds=0)).test_client()


def test_sets_over_time_are_a_curve_and_the_same_as_a_table(counted: FlaskClient) -> None:
    told = counted.get("/statistics.json").get_json()
    text = counted.get("/statistics/").text
    document = parsed(text)

    assert [(one["at"], one["addresses"], one["successful_sources"]) for one in told["timeseries"]] == [
        ("2026-03-08T12:00:00Z", 117, 2), ("2026-03-01T12:00:00Z", 150, 2),
    ]  # fmt: skip
    assert [one.attributes["points"] for one in document.all("polyline")] == [
        "4.0,4.0 596.0,28.6", "4.0,4.0 596.0,4.0",
    ]  # fmt: skip
    assert [one.text for one in document.all("title")][1] == "Addresses, from 150 to 117"
    rows = [one.text for one in document.all("tr")]
    assert any("2026-03-08" in row and "117" in row for row in rows)
    assert not document.unclosed
    assert "style=" not in text


def test_what_was_lost_and_recovered_is_told_by_host_and_cause(counted: FlaskClient) -> None:
    told = counted.get("/statistics.json").get_json()
    page = counted.get("/statistics/").text
    text = parsed(page).all("main")[0].text

    assert told["lost"]["by_host"] == {"lyon.example": 1}
    assert told["recovered"]["by_host"] == {"rome.example": 1}
    assert told["lost"]["by_problem"] == {SCRIPT: 1}
    assert [one["source"] for one in told["lost_sources"]] == ["fr/lyon"]
    assert (told["lost_sources"][0]["most"], told["lost_sources"][0]["last_good"]) == (50, "2026-03-01T12:00:00Z")
    assert "1 lost, 1 recovered" in text
    assert SCRIPT in text
    assert "<script>" not in page


def test_numbers_of_the_last_set_are_told_by_quarters(counted: FlaskClient) -> None:
    spread = {one["measure"]: one for one in counted.get("/statistics.json").get_json()["spread"]}

    assert spread["last_address_counts"] == {
        "measure": "last_address_counts", "count": 2, "least": 7, "quarters": [32.75, 58.5, 84.25], "most": 110,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "first"), [("sort=addresses&order=down", 150), ("sort=date&order=up", 150), ("per=1", 117)]
)
def test_sets_are_sorted_and_come_in_parts(counted: FlaskClient, query: str, first: int) -> None:
    part = counted.get(f"/statistics.json?{query}").get_json()

    assert part["timeseries"][0]["addresses"] == first
    if "per" in query:
        rest = counted.get(part["next"].removeprefix("https://site.example")).get_json()
        assert [one["addresses"] for one in rest["timeseries"]] == [150]


@pytest.mark.parametrize("what", ["nothing", "not JSON", "no object"])
def test_a_file_that_cannot_be_read_costs_its_numbers_and_not_the_page(
    counted: FlaskClient, settings: Settings, tmp_path: Path, what: str
) -> None:
    for path in Path(settings.store_location).glob("statistics/*/*.json"):
        path.chmod(0o644)
        path.unlink() if what == "nothing" else path.write_text("[" if what == "not JSON" else "[]")

    assert "No statistics have been made yet." in counted.get("/statistics/").text


def test_a_curve_reaches_from_edge_to_edge_and_passes_over_what_is_not_known() -> None:
    assert sparkline([]).points == sparkline([7]).points == sparkline([None, 3]).points == ""
    assert sparkline([0, None, 10]).points == "4.0,116.0 596.0,4.0"
    assert sparkline([0, 0]).points == "4.0,116.0 596.0,116.0"
    assert re.fullmatch(r"[\d., ]+", sparkline([-5, 1e300]).points)
