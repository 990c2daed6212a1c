"""The list of data sources, and where its names lead: filters, parts, folders, forms."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.partitions import mark_removed
from oa_pipeline_tests.ledger.life import NOW, declare, run

from .filled import KEY, SOURCE
from .reading import BROWSER, page


@pytest.mark.parametrize("words", ["california alameda", "Germany", "united STATES berkeley", "alameda county"])
def test_a_place_is_found_by_the_names_of_its_country_state_and_publisher(reader: FlaskClient, words: str) -> None:
    found = reader.get("/sources.json", query_string={"q": words}).get_json()["data_sources"]

    assert found
    assert {one["source"].partition("/")[0] for one in found} == ({"de"} if words == "Germany" else {"us"})


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("/sources/us", "/sources/?country=us"),
        ("/sources/us/", "/sources/?country=us"),
        ("/sources/us/ca", "/sources/?q=us%2Fca%2F"),
        ("/sources/us.json", "/sources.json?country=us"),
        ("/sources/us/ca.json", "/sources.json?q=us%2Fca%2F"),
    ],
)
def test_a_folder_of_sources_leads_to_the_list_of_them(reader: FlaskClient, address: str, location: str) -> None:
    answer = reader.get(address, headers=BROWSER)

    assert (answer.status_code, answer.headers["Location"]) == (302, location)
    found = reader.get(location.replace("/?", ".json?")).get_json()["data_sources"]
    assert {one["source"].partition("/")[0] for one in found} == {"us"}


def test_a_slash_too_many_leads_to_the_source(reader: FlaskClient) -> None:
    assert reader.get(f"/sources/{SOURCE}/").headers["Location"] == f"/sources/{SOURCE}"
    assert reader.get(f"/sources/{KEY}//").headers["Location"] == f"/sources/{KEY}"


def test_the_page_of_a_file_tells_its_data_sources_apart(client: FlaskClient, engine: sa.Engine) -> None:
    census = {"US Census": {"geoid": "06001", "name": "Ålameda County", "state": "California"}, "country": "us"}
    for layer in ("addresses", "parcels"):
        run(engine, declare(engine, f"{SOURCE}/{layer}/county", coverage=census))
    document = page(client, f"/sources/{SOURCE}")
    text = document.all("main")[0].text

    assert "Ålameda County, California, United States" in text
    found = client.get("/sources.json", query_string={"q": "Alåmeda County, California"}).get_json()
    assert [one["place"] for one in found["data_sources"]] == ["Ålameda County, California, United States"] * 2
    assert "Ålameda County, California, United States" in page(client, "/sources/").all("table")[0].text
    assert "addresses, county: one of the 2 data sources of this file" in text
    history = document.all("table")[-1].text.split()
    assert (history.count("parcels,"), history.count("addresses,")) == (1, 1)
    alone = page(client, f"/sources/{SOURCE}/parcels/county")
    assert "parcels," not in alone.all("table")[-1].text


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("/sources/US/CA", "/sources/us/ca"),
        ("/sources/US/CA/", "/sources/us/ca"),
        ("/sources/Us.csv", None),  # a folder has no form of its own but for its list's
        ("/sources/US.json", "/sources/us.json"),
        ("/sources/US/ca/Alameda", "/sources/us/ca/alameda"),
        ("/sources/us/ca/ALAMEDA.json", "/sources/us/ca/alameda.json"),
        ("/sources/US/CA/Alameda.atom", "/sources/us/ca/alameda.atom"),
        ("/sources/US/CA/Alameda/Parcels/County/", "/sources/us/ca/alameda/parcels/county"),
        ("/sources/US/CA/Nowhere", None),
        ("/latest/run/US/CA/Alameda.zip", "/latest/run/us/ca/alameda.zip"),
        ("/latest/run/us/ca/alameda/addresses/County.parquet", "/latest/run/us/ca/alameda/addresses/county.parquet"),
        ("/latest/run/US/CA.zip", None),
        ("/latest/run/us/ca/alameda.ZIP", None),
        ("/coverage/US/", "/coverage/us/"),
        ("/coverage/US.json", "/coverage/us.json"),
        ("/coverage/us/CA/", "/coverage/us/ca/"),
        ("/coverage/us/CA.csv", "/coverage/us/ca.csv"),
    ],
)
def test_who_types_capitals_is_led_to_the_name_for_good(
    reader: FlaskClient, address: str, location: str | None
) -> None:
    answer = reader.get(address, headers=BROWSER)

    assert (answer.status_code, answer.headers.get("Location")) == ((301, location) if location else (404, None))
    if location:
        assert reader.get(location, headers=BROWSER).status_code in {200, 302}


def test_a_name_that_several_differ_from_in_capitals_alone_is_nobodys(client: FlaskClient, engine: sa.Engine) -> None:
    for source in ("xx/Aa", "xx/aA"):
        run(engine, declare(engine, f"{source}/addresses/x"))

    assert client.get("/sources/xx/Aa").status_code == 200
    assert client.get("/sources/xx/AA").status_code == 404
    assert client.get("/sources/XX/").headers["Location"] == "/sources/xx"


@pytest.mark.parametrize("address", ["/sources/u", "/sources/us/c", "/sources/xx", "/sources/us//", "/sources/%2e/"])
def test_half_a_name_is_no_folder(reader: FlaskClient, address: str) -> None:
    assert reader.get(address, headers=BROWSER).status_code == 404


def test_who_asks_for_a_form_of_a_folder_that_its_list_has_not_is_not_led_astray(reader: FlaskClient) -> None:
    answer = reader.get("/sources/us.atom")

    assert answer.status_code == 404
    assert ".atom" in answer.get_json()["error"]["detail"]


def test_what_left_the_repository_is_found_under_its_path_and_its_key_as_before(
    client: FlaskClient, engine: sa.Engine
) -> None:
    key = declare(engine, "xx/gone/addresses/town")
    run(engine, key)
    mark_removed(engine, [key], now=NOW)

    for address in ("/sources/xx/gone", f"/sources/{key}"):
        answer = client.get(address)
        assert (answer.status_code, "<strong>Removed.</strong>" in answer.text) == (200, True)
    assert client.get("/sources/xx/gone.json").get_json()["in_repository"] is False


def test_a_row_of_the_csv_says_the_same_as_the_json(reader: FlaskClient) -> None:
    (one,) = reader.get("/sources.json?q=alameda&layer=addresses").get_json()["data_sources"]
    text = reader.get("/sources.csv?q=alameda&layer=addresses").text
    (row,) = csv.DictReader(io.StringIO(text, newline=""))

    assert one["share_alike"] is not None
    assert row == {
        name: "" if value is None else value if isinstance(value, str) else json.dumps(value)
        for name, value in one.items()
    }


def test_where_nothing_is_found_it_is_said_where_else_to_look(reader: FlaskClient) -> None:
    document = page(reader, "/sources/?q=nothing-of-that-name")

    assert "/coverage/" in document.links()
    assert "one source may hold the whole of it" in document.all("main")[0].text


@pytest.mark.parametrize("address", ["/sources/", "/coverage/us/ca/", "/quality/"])
def test_a_state_is_called_the_same_in_a_table_and_above_it(reader: FlaskClient, address: str) -> None:
    document = page(reader, address)
    links = [one.text for one in document.all("a") if "state=stale" in one.attributes["href"]]
    shown = [one.text for one in document.all("span") if one.attributes.get("class") == "st warn"]

    assert "\N{WHITE CIRCLE} out of date" in shown
    assert links[0].removeprefix("\N{WHITE CIRCLE} ") == "out of date"
    assert "stale" not in document.all("main")[0].text


def test_who_fetches_a_list_gets_all_of_it_and_who_asks_for_a_part_a_part(
    client: FlaskClient, engine: sa.Engine
) -> None:
    keys = [declare(engine, f"us/x{number:03}/addresses/x") for number in range(101)]

    def csv_of(query: str) -> list[str]:
        return [line.partition(",")[0] for line in client.get(f"/sources.csv{query}").text.splitlines()[1:]]

    def features_of(query: str) -> list[str]:
        return [one["id"] for one in client.get(f"/sources.geojson{query}").get_json()["features"]]

    for listed in (csv_of, features_of):
        assert listed("") == keys
        assert listed("?per=&page=") == keys
        assert listed("?order=down&q=x00") == keys[9::-1]
        assert listed("?per=7") == keys[:7]
        assert "Link" not in client.get("/sources.csv").headers
    assert len(client.get("/sources.json").get_json()["data_sources"]) == 100
    second = page(client, "/sources/").all("a")
    onwards = next(one.attributes["href"] for one in second if one.attributes.get("rel") == "next")
    assert csv_of(onwards.removeprefix("/sources/")) == keys[100:]
    assert len(client.get("/quality.csv").text.splitlines()) == len(keys) + 1


def test_the_foot_of_a_page_leads_to_the_whole_list_and_to_this_part_of_it(reader: FlaskClient) -> None:
    def foot(address: str) -> str:
        return " ".join(page(reader, address).all("footer")[0].text.split())

    assert "The same facts as JSON, CSV, GeoJSON." in foot("/sources/?q=alameda")
    assert "This part of the table as JSON. All of it as CSV, GeoJSON." in foot("/sources/?q=us&per=1")
    links = page(reader, "/sources/?q=us&sort=rows&per=1").links()
    assert "/sources.csv?q=us&sort=rows" in links
    assert "/sources.json?q=us&sort=rows&per=1" in links


@pytest.mark.parametrize("form", ["", ".json", ".csv", ".geojson"])
def test_each_form_of_a_list_goes_on_in_its_own_form(reader: FlaskClient, form: str) -> None:
    there = []
    address = f"/sources{form or '/'}?per=5"
    while address:
        answer = reader.get(address)
        assert answer.status_code == 200
        there.append(answer.mimetype)
        linked = re.search('<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        address = linked[1] if linked else ""

    assert len(there) == 2
    assert len(set(there)) == 1


def test_data_sources_are_found_by_what_their_licence_asks(reader: FlaskClient) -> None:
    every = reader.get("/sources.json").get_json()
    counts = every["facets"]["terms"]

    assert set(counts) == {"attribution", "share-alike", "unknown"}
    for terms, count in counts.items():
        found = reader.get("/sources.json", query_string={"terms": terms}).get_json()["data_sources"]
        assert len(found) == count
        assert {one["terms"] for one in found} == {terms}
    published = [one for one in every["data_sources"] if one["good_run_id"] is not None]
    assert sum(counts.values()) == len(published)
    assert {one["terms"] for one in every["data_sources"] if one["good_run_id"] is None} == {""}
    assert page(reader, "/sources/?terms=share-alike").links().count("/licences/?kind=share-alike") == 1


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("q=ALAMEDA%20parcels", ["us/ca/alameda/parcels/county"]),
        ("q=alameda%20county&layer=addresses", [KEY]),
        ("country=de", ["de/berlin/buildings/city"]),
        ("state=stale", ["us/ca/berkeley/addresses/city"]),
        ("country=at&sort=name&order=down", ["at/wien/addresses/city", "at/graz/addresses/city"]),
        ("sort=rows&order=down&per=2", [KEY, "de/berlin/buildings/city"]),
        ("q=nothing-of-that-name", []),
        ("q=Al%C3%A1meda,%20CA;%20addresses.", [KEY]),
        ("unknown=1&utm_source=x&country=de", ["de/berlin/buildings/city"]),
    ],
)
def test_sources_are_filtered_and_sorted(reader: FlaskClient, query: str, keys: list[str]) -> None:
    answer = reader.get(f"/sources.json?{query}").get_json()

    assert [one["key"] for one in answer["data_sources"]] == keys


@pytest.mark.parametrize("order", ["sort=name", "sort=rows&order=down", "sort=date", "sort=state&order=down"])
def test_parts_of_a_list_are_the_whole_list_forwards_and_back(reader: FlaskClient, order: str) -> None:
    whole = [one["key"] for one in reader.get(f"/sources.json?{order}").get_json()["data_sources"]]
    there, back = [], []
    address = f"/sources.json?{order}&per=2"
    while True:
        answer = reader.get(address)
        part = answer.get_json()
        there += [one["key"] for one in part["data_sources"]]
        if "next" not in part:
            break
        assert 'rel="next"' in answer.headers["Link"]
        address = part["next"].removeprefix("https://site.example")
    while True:
        back = [one["key"] for one in part["data_sources"]] + back
        if "prev" not in part:
            break
        part = reader.get(part["prev"].removeprefix("https://site.example")).get_json()

    assert len(whole) == 9
    assert there == whole
    assert back == whole


@pytest.mark.parametrize("address", ["/sources/", "/quality/", "/licences/"])
def test_countries_are_chosen_by_their_names(reader: FlaskClient, address: str) -> None:
    offered = {one.attributes["value"]: one.text for one in page(reader, address).all("option")}

    assert offered["de"] == "de \N{EN DASH} Germany (1)"
    assert page(reader, f"{address}?country=de").all("table")


def test_facets_count_what_each_choice_would_give(reader: FlaskClient) -> None:
    facets = reader.get("/sources.json?layer=addresses").get_json()["facets"]

    assert facets["layer"] == {"addresses": 7, "buildings": 1, "parcels": 1}
    for area, count in facets["country"].items():
        assert (
            reader.get("/sources.json", query_string={"layer": "addresses", "country": area}).get_json()["total"]
            == count
        )
