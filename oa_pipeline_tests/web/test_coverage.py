"""Which countries and states have addresses, and what is missing."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger import builds, coverage
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.web.places import STATE_NAMES, place
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import NOW, declare, run

from .reading import parsed

SOURCES: dict[str, dict[str, Any]] = {
    "fr/paris/addresses/city": {"coverage": {"ISO 3166": {"alpha2": "FR-75"}}},
    "fr/paris/parcels/city": {"coverage": {"ISO 3166": {"alpha2": "FR-75"}}},
    "fr/lyon/addresses/city": {"coverage": {"country": "fr"}},
    "us/ca/alameda/addresses/county": {"coverage": {"US Census": {"geoid": "06001"}, "state": "ca"}},
    "us/ny/statewide/addresses/state": {"coverage": {"geometry": {"type": "Point", "coordinates": [0, 0]}}},
    "us/countrywide/addresses/all": {"coverage": {"country": "us"}},
    "moon/addresses/all": {},
}


@pytest.fixture
def covered(engine: sa.Engine, settings: Settings) -> FlaskClient:
    for key, facts in SOURCES.items():
        declare(engine, key, **facts)
    run(engine, "fr/paris/addresses/city", rows=100)
    run(engine, "fr/paris/parcels/city", rows=7, at=NOW + timedelta(days=1))
    run(engine, "fr/lyon/addresses/city", RunStatus.FAILED)
    run(engine, "us/ca/alameda/addresses/county", rows=50)
    return create_app(site=Site(settings, catalogue_seconds=0)).test_client()


def test_countries_are_counted(covered: FlaskClient) -> None:
    told = covered.get("/coverage.json").get_json()

    assert (told["total"], told["addresses"], told["data_sources"], told["good"], told["nowhere"]) == (2, 150, 7, 3, 1)
    france = told["countries"][0]
    assert france == {
        "code": "FR",
        "name": "France",
        "sources": 2,
        "data_sources": 3,
        "good": 2,
        "addresses": 100,
        "newest": "2026-03-02T12:01:00Z",
        "land_km2": None,
        "covered_km2": None,
        "land_share": None,
        "missing_count": 1,
        "missing": [
            {"code": "", "name": "fr/lyon", "source": "fr/lyon", "why": "Could not download source data", "km2": None}
        ],
        "url": "https://site.example/coverage/fr/",
    }
    assert {"code": "IS", "name": "Iceland"} in told["without"]
    assert {"code": "US", "name": "United States"} not in told["without"]
    assert covered.get("/coverage/world.json").get_json()["countries"] == told["countries"]


def test_states_are_counted(covered: FlaskClient) -> None:
    told = covered.get("/coverage/us.json?sort=addresses&order=down").get_json()

    assert [(one["code"], one["name"], one["addresses"], one["missing_count"]) for one in told["states"]] == [
        ("CA", "California", 50, 0),
        ("NY", "New York", 0, 1),
    ]
    assert told["nowhere"] == 1  # it spans them all
    assert len(told["without"]) == len(STATE_NAMES) - 2 == 54
    assert covered.get("/sources.json?q=us/ca/").get_json()["total"] == 1


def test_a_country_has_its_data_sources_and_what_says_where_they_are(covered: FlaskClient) -> None:
    told = covered.get("/coverage/fr.json?layer=addresses").get_json()
    text = parsed(covered.get("/coverage/fr/", headers={"Accept": "text/html"}).text).all("main")[0].text

    assert {one["key"]: one["declares"] for one in told["data_sources_of"]} == {
        "fr/lyon/addresses/city": "path",
        "fr/paris/addresses/city": "ISO 3166 FR-75",
    }
    assert told["facets"]["layer"] == {"addresses": 2, "parcels": 1}
    for words in ("France", "100 addresses", "What is missing next", "Could not download source data"):
        assert words in text
    table = list(csv.DictReader(io.StringIO(covered.get("/coverage/fr.csv").text), strict=True))
    assert len(table) == 3


def test_a_country_is_found_in_capitals_and_one_without_sources_says_so(covered: FlaskClient) -> None:
    assert covered.get("/coverage/FR/").headers["Location"] == "/coverage/fr/"
    assert "There is no source of it yet." in covered.get("/coverage/is/").text
    assert covered.get("/coverage/xy/").status_code == 404


def test_land_is_told_once_it_was_measured(covered: FlaskClient, engine: sa.Engine) -> None:
    missing = {"code": "", "name": "Lyon", "source": "fr/lyon", "why": "Could not download source data", "km2": 48.0}
    drawn = [
        coverage.AreaRow("country", "FR", "France", 2, 1, 100, 500_000.0, 125_000.0, 0.25, [missing], 9),
        coverage.AreaRow("state", "CA", "California", 1, 1, 50, 400_000.0, 1_000.0, 0.0025),
    ]
    number = builds.begin_build(engine, "coverage", run_ids=[], now=NOW)
    coverage.publish(engine, number, drawn, [], [], {}, now=NOW)

    france = covered.get("/coverage.json").get_json()["countries"][0]
    page = covered.get("/coverage/").text

    assert (france["land_share"], france["missing_count"], france["missing"]) == (0.25, 9, [missing])
    assert "25\u202f%" in page
    assert "and 6 more" in page
    assert "&lt;1\u202f%" in covered.get("/coverage/us/").text
    assert "48\u202f" not in covered.get("/coverage/fr/").text
    assert ">48 km²<" in covered.get("/coverage/fr/").text.replace("\n", "")


def test_sources_of_one_name_are_told_apart(covered: FlaskClient, engine: sa.Engine) -> None:
    missing = [
        {"code": "", "name": name, "source": f"fr/{source}", "why": "x", "km2": None}
        for name, source in (("Lyon", "lyon"), ("France", "old"), ("France", "new"))
    ]
    drawn = [coverage.AreaRow("country", "FR", "France", 2, 1, 100, 5.0, 1.0, 0.2, missing, 3)]
    number = builds.begin_build(engine, "coverage", run_ids=[], now=NOW)
    coverage.publish(engine, number, drawn, [], [], {}, now=NOW)

    links = {
        address: [
            one.text for one in parsed(covered.get(address).text).all("a") if "/sources/fr/" in one.attributes["href"]
        ]
        for address in ("/coverage/", "/coverage/fr/")
    }
    assert links["/coverage/"] == ["Lyon", "fr/old", "fr/new"]
    assert links["/coverage/fr/"][:3] == ["Lyonfr/lyon", "Francefr/old", "Francefr/new"]


def measured(engine: sa.Engine) -> None:
    drawn = [
        coverage.AreaRow("country", "FR", "France", 2, 1, 100, 500_000.0, 125_000.0, 0.25),
        coverage.AreaRow("country", "US", "United States", 2, 1, 50, 9e6, 0.0, 0.0),
        coverage.AreaRow("state", "CA", "California", 1, 1, 50, 400_000.0, 380_000.0, 0.95),
        coverage.AreaRow("state", "NY", "New York", 1, 0, 0, 100_000.0, 0.0, 0.0),
    ]
    number = builds.begin_build(engine, "coverage", run_ids=[], now=NOW)
    coverage.publish(engine, number, drawn, [], [], {}, now=NOW)


def test_before_land_was_measured_there_is_no_map(covered: FlaskClient) -> None:
    for address in ("/coverage/", "/coverage/us/", "/coverage/fr/"):
        assert "<svg" not in covered.get(address).text


def test_maps_lead_where_the_tables_lead_and_say_the_same(covered: FlaskClient, engine: sa.Engine) -> None:
    measured(engine)
    world, states = (parsed(covered.get(address).text) for address in ("/coverage/", "/coverage/us/"))

    for page, name, link, said in (
        (world, "France", "https://site.example/coverage/fr/", "25% of the land"),
        (states, "California", "https://site.example/coverage/us/ca/", "95% of the land"),
    ):
        (mine,) = [one for one in page.all("a") if (one.attributes.get("aria-label") or "").startswith(f"{name}:")]
        assert mine.attributes["href"] == link
        assert said in mine.attributes["aria-label"]
        assert any(one.attributes["href"] == link for one in page.all("a") if one.text == name)
    (new_york,) = [one for one in states.all("a") if (one.attributes.get("aria-label") or "").startswith("New York:")]
    assert "0 of 1 data sources work" in new_york.attributes["aria-label"]
    assert covered.get("/coverage/us/").text.count("url(#broken-51)") == 1
    assert "<svg" in covered.get("/coverage/fr/").text
    assert "California: 95%" in covered.get("/coverage/us/").text


def of_county(source: str, geoid: str, good: bool, kind: str = "county") -> coverage.SourceRow:
    return coverage.SourceRow(source, "geoid", kind, geoid, "", "US", "CA", good, 1500 if good else 0)


def test_maps_lead_to_what_has_no_source_as_well(covered: FlaskClient, engine: sa.Engine) -> None:
    measured(engine)
    for url, name, leads in (("/coverage/", "Japan", "/coverage/jp/"), ("/coverage/us/", "Ohio", "/coverage/us/oh/")):
        page = parsed(covered.get(url).text)
        (there,) = [one for one in page.all("a") if one.attributes.get("aria-label") == f"{name}: no source"]
        assert there.attributes["href"] == leads
        assert covered.get(leads).status_code == 200


def test_a_state_has_a_map_of_its_counties_each_leading_to_its_source(covered: FlaskClient, engine: sa.Engine) -> None:
    assert "<svg" not in covered.get("/coverage/us/ca/").text
    sources = [of_county("us/ca/alameda", "06001", True), of_county("us/ca/fresno", "06019", False)]
    number = builds.begin_build(engine, "coverage", run_ids=[], now=NOW)
    area = coverage.AreaRow("state", "CA", "California", 2, 1, 1500, 400_000.0, 4_000.0, 0.01)
    coverage.publish(engine, number, [area], sources, [], {}, now=NOW)

    text = covered.get("/coverage/us/ca/").text
    labels = {
        one.attributes["aria-label"]: one.attributes["href"]
        for one in parsed(text).all("a")
        if "tabindex" in one.attributes
    }
    told = covered.get("/coverage/us/ca.json").get_json()

    assert labels == {
        "Alameda: 1\u202f500 addresses": "/sources/us/ca/alameda",
        "Fresno: its source does not work": "/sources/us/ca/fresno",
    }
    assert "<title>Inyo: no source of its own</title>" in text
    assert text.count('fill="url(#broken-58)"') == 1
    assert (told["name"], told["land_share"], told["data_sources"]) == ("California", 0.01, 1)
    assert [one["key"] for one in told["data_sources_of"]] == ["us/ca/alameda/addresses/county"]
    assert covered.get("/coverage/us/CA/").headers["Location"] == "/coverage/us/ca/"
    assert covered.get("/coverage/us/zz/").status_code == 404
    assert "<svg" not in covered.get("/coverage/us/pr/").text


def test_counties_are_within_a_source_of_the_whole_state(covered: FlaskClient, engine: sa.Engine) -> None:
    sources = [of_county("us/ca/fresno", "06019", False), of_county("us/ca/statewide", "06", True, "state")]
    number = builds.begin_build(engine, "coverage", run_ids=[], now=NOW)
    coverage.publish(engine, number, [], sources, [], {}, now=NOW)
    text = covered.get("/coverage/us/ca/").text
    assert "<title>Inyo: within the source of the whole state</title>" in text
    assert "url(#broken-58)" not in text.partition("</defs>")[2]


def test_the_front_page_has_the_picture_of_the_world_once_it_was_drawn(covered: FlaskClient, engine: sa.Engine) -> None:
    assert "<img" not in covered.get("/").text
    drawn = [builds.Artifact("render-world.png", "coverage/1/render-world.png", 9, "b" * 64)]
    coverage.publish(engine, builds.begin_build(engine, "coverage", run_ids=[], now=NOW), [], [], drawn, {}, now=NOW)
    text = covered.get("/").text
    assert '<a href="/coverage/"><img src="/files/coverage/1/render-world.png"' in text


def test_the_tables_are_shapes_as_well(covered: FlaskClient, engine: sa.Engine) -> None:
    measured(engine)
    for address, codes in (
        ("/coverage.geojson", ["FR", "US"]), ("/coverage/us.geojson", ["CA", "NY"]), ("/coverage/fr.geojson", ["FR"]),
        ("/coverage/us/ca.geojson", ["CA"]),
    ):  # fmt: skip
        answer = covered.get(address)
        features = answer.get_json(force=True)["features"]
        assert answer.headers["Content-Type"].startswith("application/geo+json")
        assert [one["id"] for one in features] == codes
        assert {one["geometry"]["type"] for one in features} == {"MultiPolygon"}
        assert features[0]["properties"]["addresses"] in (50, 100)


@pytest.mark.parametrize(
    ("source", "declared", "expected"),
    [
        ("us/ca/x", {"US Census": {"geoid": "06001"}}, ("US", "CA", "US Census 06001")),
        ("us/ca/x", {"US Census": {"geoid": "0600"}}, ("US", "CA", "path")),
        ("us/pr/x", {}, ("PR", "PR", "path")),
        ("se/x", {"ISO 3166": {"alpha2": "se"}}, ("SE", "", "ISO 3166 SE")),
        ("uk/x", None, ("GB", "", "path")),
        ("zz/x", {"geometry": True}, ("", "", "geometry")),
        ("zz/x", {"ISO 3166": ["x"], "US Census": 7}, ("", "", "")),
    ],
)
def test_a_place_is_of_codes_or_of_the_path(source: str, declared: Any, expected: tuple[str, str, str]) -> None:
    assert place(source, declared) == expected
