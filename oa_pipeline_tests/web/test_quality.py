"""What is wrong and why, the worst and the longest first."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline_tests.ledger.life import MINUTE, NOW, declare, run

from .filled import HOSTILE
from .reading import page, parsed


def keys(reader: FlaskClient, query: str) -> list[str]:
    return [one["key"] for one in reader.get(f"/quality.json?{query}").get_json()["data_sources"]]


def test_the_worst_come_first_and_what_is_well_is_left_out(reader: FlaskClient) -> None:
    told = reader.get("/quality.json").get_json()

    assert [one["state"] for one in told["data_sources"]] == [
        "broken", "broken", "failing", "held", "stale", "skipped", "new", "new",
    ]  # fmt: skip
    assert (told["total"], told["of"], told["states"]["good"]) == (8, 9, 1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=good", ["us/ca/alameda/addresses/county"]),
        ("country=de", ["de/berlin/buildings/city"]),
        ("layer=parcels", ["us/ca/alameda/parcels/county"]),
        ("cause=Could+not+download+source+data", ["fr/paris/addresses/city"]),
        ("cause=No+good+run+for+more+than+30+days", ["us/ca/berkeley/addresses/city"]),
        ("host=nobody.example", []),
        ("q=at/+wien", ["at/wien/addresses/city"]),
        ("sort=since&per=1", ["us/ca/berkeley/addresses/city"]),
        ("sort=name&order=down&country=fr", ["fr/paris/addresses/city", "fr/lyon/addresses/city"]),
    ],
)
def test_what_is_wrong_is_filtered_and_sorted(reader: FlaskClient, query: str, expected: list[str]) -> None:
    assert keys(reader, query) == expected


def test_each_has_its_cause_and_its_cure(reader: FlaskClient) -> None:
    found = {one["key"]: one for one in reader.get("/quality.json").get_json()["data_sources"]}

    paris = found["fr/paris/addresses/city"]
    assert (paris["cause"], paris["detail"], paris["cure"], paris["good_at"]) == (
        "Could not download source data", "https://p.example/ said 503", "ask them", None,
    )  # fmt: skip
    assert found["de/berlin/buildings/city"]["detail"] == "lost half of its rows"
    assert all(one["cause"] and one["cure"] for one in found.values())


def test_causes_are_counted_with_the_longest_and_its_cure(reader: FlaskClient) -> None:
    causes = reader.get("/quality.json?country=us").get_json()["causes"]

    assert [(one["state"], one["data_sources"]) for one in causes if not one["cause"].startswith("<")] == [
        ("stale", 1), ("new", 1),
    ]  # fmt: skip
    assert causes[-2]["since"] == "2026-01-20T12:01:00Z"
    assert "history" in causes[-2]["cure"]


def test_publishers_are_named_with_how_much_of_theirs_is_wrong_the_worst_first(
    client: FlaskClient, engine: sa.Engine
) -> None:
    for name, host, status in (
        ("a", "one.example", RunStatus.FAILED),
        ("b", "bad.example", RunStatus.FAILED),
        ("c", "bad.example", RunStatus.SKIPPED),
        ("d", "bad.example", RunStatus.SUCCEEDED),
        ("e", "well.example", RunStatus.SUCCEEDED),
    ):
        key = declare(engine, f"xx/{name}/addresses/city", declared={"data": f"https://{host}/{name}.csv"})
        run(engine, key, status, at=datetime.now(UTC))
    told = client.get("/quality.json").get_json()

    assert told["hosts"] == [{"host": "bad.example", "data_sources": 2}, {"host": "one.example", "data_sources": 1}]
    assert keys(client, "host=bad.example") == ["xx/b/addresses/city", "xx/c/addresses/city"]
    assert client.get("/quality.json?host=bad.example").get_json()["hosts"] == told["hosts"]


def test_the_page_leads_from_a_cause_to_those_that_have_it(reader: FlaskClient) -> None:
    document = parsed(reader.get("/quality/", headers={"Accept": "text/html"}).text)

    link = "/quality/?state=broken&cause=Could+not+download+source+data#sources"
    assert link in document.links()
    assert "fr/paris" in parsed(reader.get(link).text).all("main")[0].text


def test_the_page_says_what_to_do_once_a_cause_and_beside_a_source_only_what_is_its_own(
    client: FlaskClient, engine: sa.Engine
) -> None:
    for name, cure in (("a", ""), ("b", ""), ("c", "Ask Mr Carter.")):
        run(engine, declare(engine, f"us/{name}/addresses/x"), RunStatus.FAILED, cure=cure)
    run(engine, declare(engine, "us/d/addresses/x"), at=NOW)
    run(engine, "us/d/addresses/x", RunStatus.FAILED, at=NOW + MINUTE)
    document = page(client, "/quality/")
    why, which = document.all("table")[:2]

    assert (why.text.count("Could not download"), why.text.count("See whether the address still works")) == (3, 1)
    assert "broken: Could not download source data 3" in " ".join(why.text.split())
    assert "failing: Could not download source data 1" in " ".join(why.text.split())
    assert which.text.count("What to do: Could not download source data") == 4
    assert "See whether" not in which.text
    assert "What to do: Ask Mr Carter." in which.text
    assert document.links().count("#why-1") == 4
    assert [one.text for one in document.all("th") if one.attributes.get("id") == "why-1"] == [
        "Could not download source data"
    ]


def test_twins_hold_the_same(reader: FlaskClient) -> None:
    table = list(csv.DictReader(io.StringIO(reader.get("/quality.csv").text), strict=True))
    feed = ElementTree.fromstring(reader.get("/quality.atom").text)

    assert [one["key"] for one in table] == keys(reader, "")
    titles = [one.text for one in feed.iter("{http://www.w3.org/2005/Atom}title")][1:]
    assert len(titles) == 6  # of those that have run
    assert any((title or "").startswith(HOSTILE) for title in titles)
