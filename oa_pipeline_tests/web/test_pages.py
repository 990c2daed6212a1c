"""Every page with a small ledger: what a reader came for is there, and the page is sound."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.tables import sets
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.web.pages import ENDPOINTS
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import NOW, declare, run

from .filled import KEY, SOURCE, Filled
from .reading import BROWSER, page, parsed

PAGES = (
    "/",
    "/sources/",
    "/sources/?q=us+alameda",
    "/sources/?sort=rows&order=down&per=2",
    f"/sources/{SOURCE}",
    f"/sources/{KEY}",
    "/sources/fr/paris",
    "/sources/fr/lyon",
    "/sources/de/berlin",
    "/sources/at/wien",
    "/runs/1/",
    "/api/",
    "/collections/",
    "/collections/?area=asia&form=parquet",
    "/quality/",
    "/quality/?state=good&sort=since&order=down",
    "/quality/?country=fr&per=1",
    "/changes/",
    "/changes/?kind=lost&per=1",
    "/statistics/",
    "/licences/",
    "/coverage/",
    "/coverage/?sort=addresses&order=down&per=1",
    "/coverage/world/",
    "/coverage/us/",
    "/coverage/fr/",
    "/coverage/is/",
    "/licences/?kind=attribution&sort=rows&order=down&per=1",
    "/licences/software",
    "/sets/",
    "/sets/1/",
    "/sets/1/?outcome=failed",
    "/sets/2/",
    "/jobs/",
    "/jobs/job-7-aaa",
    "/jobs/job-push",
)


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_sound_html_without_anything_inline(reader: FlaskClient, address: str) -> None:
    document = page(reader, address)

    assert not document.unclosed
    assert [one.attributes["lang"] for one in document.all("html")] == ["en"]
    assert len(document.all("h1")) == 1
    assert not document.all("style")
    for one in document.elements:
        assert "style" not in one.attributes
        assert not [name for name in one.attributes if name.startswith("on")]
        if one.tag == "script":
            assert one.attributes["src"].startswith("/static/")
            assert not one.text
    ids = [one.attributes["id"] for one in document.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    assert len(document.all("caption")) == len(document.all("table"))
    assert all(one.attributes.get("scope") in {"col", "row"} for one in document.all("th"))


@pytest.mark.parametrize("address", PAGES)
def test_every_twin_of_a_page_is_there_and_can_be_read(reader: FlaskClient, address: str) -> None:
    alternates = [one.attributes for one in page(reader, address).all("link") if one.attributes["rel"] == "alternate"]

    assert alternates
    for one in alternates:
        answer = reader.get(one["href"])
        assert answer.status_code == 200, one["href"]
        assert answer.mimetype == one["type"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        READERS[one["type"]](answer.text)


READERS = {
    "application/json": json.loads,
    "application/geo+json": json.loads,
    "text/csv": lambda text: list(csv.reader(io.StringIO(text), strict=True)),
    "application/atom+xml": ElementTree.fromstring,
    "text/plain": str,
}


def test_the_front_page_tells_a_set_of_all_sources_from_one_of_a_part(
    reader: FlaskClient, filled: Filled, engine: sa.Engine, settings: Settings
) -> None:
    part = " ".join(page(reader, "/").all("main")[0].text.split())
    assert f"Set {filled.open_set_id}, a run over a part of the sources, *:" in part

    values = {"status": "open", "repository": "o/r", "started_at": NOW, "deadline_at": NOW}
    with engine.begin() as connection:
        connection.execute(sa.insert(sets).values(values))
    whole = page(create_app(site=Site(settings)).test_client(), "/").all("main")[0].text
    assert "Set 1, a run over all sources:" in " ".join(whole.split())


def test_an_entry_of_two_feeds_is_the_same_in_both(reader: FlaskClient) -> None:
    atom, told = "{http://www.w3.org/2005/Atom}", dict[str | None, tuple[str | None, ...]]()
    feeds = ("/quality", "/changes", "/sources/fr/paris", "/sources/de/berlin", f"/sources/{KEY}", f"/sources/{SOURCE}")
    for address in feeds:
        for entry in ElementTree.fromstring(reader.get(f"{address}.atom").text).iter(f"{atom}entry"):
            words = tuple(entry.findtext(f"{atom}{name}") for name in ("title", "summary"))
            assert told.setdefault(entry.findtext(f"{atom}id"), words) == words
    assert len(told) > len(feeds)


def test_a_page_says_as_of_when_it_is_and_how_long_ago_that_was(reader: FlaskClient) -> None:
    assert re.search(
        r"As of <time [^>]+>2026-03-01 12:0\d UTC</time>, [a-z0-9 ]+ ago\.",
        reader.get("/", headers={"Accept": "text/html"}).text,
    )


@pytest.mark.parametrize("address", ["/api/", "/licences/software"])
def test_a_page_without_data_has_no_date(reader: FlaskClient, address: str) -> None:
    assert "As of" not in reader.get(address, headers={"Accept": "text/html"}).text


@pytest.mark.parametrize("address", ["/", "/sources/", "/quality/", "/licences/", "/licences.txt", "/coverage/"])
def test_on_the_first_day_nothing_is_counted_as_nought_that_is_not_known_yet(client: FlaskClient, address: str) -> None:
    text = client.get(address, headers={"Accept": "text/html"}).text

    assert "1970" not in text
    assert "How it stands" not in text
    if address in ("/", "/sources/", "/quality/"):
        assert "No source has been read yet." in text
    assert "from 0 public sources" not in text


def test_links_within_the_site_lead_somewhere_or_are_others_work(reader: FlaskClient) -> None:
    others = ("/latest/", "/files/")  # what the store would have to hold
    seen: set[str] = set()
    due = ["/"]
    while due:
        address = due.pop()
        for link in page(reader, address).links() if not address.endswith((".json", ".txt", ".csv", "z")) else ():
            if link.startswith("/") and link not in seen and not link.startswith(others) and len(seen) < 60:
                seen.add(link)
                answer = reader.get(link, headers=BROWSER)
                assert answer.status_code in {200, 302}, (address, link)
                if answer.mimetype == "text/html":
                    due.append(link)
    assert len(seen) > 20


def test_the_front_page_tells_totals_files_and_freshness(reader: FlaskClient) -> None:
    text = " ".join(page(reader, "/").all("main")[0].text.split())

    assert "1 234 575 from 3 of 7 data sources" in text  # addresses
    assert "5.0 MB" in text  # of the global zip
    assert "Share-alike required" in text
    assert "2026-03-01" in text


def test_a_source_page_tells_where_the_files_are_and_how_good_they_are(reader: FlaskClient) -> None:
    document = page(reader, f"/sources/{SOURCE}")
    text = " ".join(document.all("main")[0].text.split())

    assert f"https://site.example/latest/run/{KEY}.zip" in document.links()
    assert f"https://github.com/openaddresses/openaddresses/edit/master/sources/{SOURCE}.json" in document.links()
    assert "required: Alameda County" in text
    assert "street >99 %" in text
    assert "city <1 %" in text
    assert f"oa process-one sources/{SOURCE}.json out --layer addresses --name county" in text
    assert "parcels, county" in text  # the other one of the file


def shared(reader: FlaskClient, address: str) -> dict[str, str]:
    """What a page tells of itself to who finds or shares it."""
    metas = [one.attributes for one in page(reader, address).all("meta")]
    return {one.get("property") or one.get("name", ""): one["content"] for one in metas if "content" in one}


def test_a_page_that_is_found_or_shared_says_what_it_is_of(client: FlaskClient, engine: sa.Engine) -> None:
    census = {"US Census": {"geoid": "06001", "name": "Alameda County", "state": "California"}, "country": "us"}
    declare(engine, KEY, coverage=census)
    before = shared(client, f"/sources/{SOURCE}")
    outputs = {"preview": {"key": "runs/1/preview.png", "size": 1, "sha256": "ab" * 32}}
    run(engine, KEY, rows=1234, outputs=outputs, at=NOW)
    told = shared(client, f"/sources/{SOURCE}")

    assert before["description"].startswith("What a source has published")
    assert told["og:title"] == f"{SOURCE}: Alameda County, California, United States"
    assert told["description"] == told["og:description"]
    assert told["description"].startswith(
        "Addresses of Alameda County, California, United States: 1\u202f234 rows, last"
    )
    assert told["og:url"] == f"https://site.example/sources/{SOURCE}"
    assert told["og:image"] == "https://site.example/files/runs/1/preview.png"
    assert shared(client, "/coverage/us/ca/")["description"].startswith(
        "Addresses of California: 1\u202f234 from 1 source,"
    )
    assert "og:image" not in shared(client, "/sources/")


def test_who_is_lost_is_offered_a_search(reader: FlaskClient) -> None:
    found = parsed(reader.get("/sources/us/ca/oakland", headers=BROWSER).text)

    assert [one.attributes["action"] for one in found.all("form")] == ["/sources/"]
    assert [one.attributes["name"] for one in found.all("input")] == ["q"]
    assert parsed(reader.get("/sources/?per=x", headers=BROWSER).text).all("form") == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/sources/fr/paris", ["broken", "Could not download source data", "https://p.example/ said 503", "ask them"]),
        ("/sources/fr/lyon", ["Source is missing a conform object", "Add a conform object", '"format": "csv"']),
        ("/sources/de/berlin", ["held for a look", "lost half of its rows", "oa runs accept"]),
        ("/sources/us/ca/berkeley", ["out of date"]),
        ("/sources/at/graz", ["skipped", "Source says to skip"]),
        ("/sources/at/wien", ["not run yet", "No run has ended yet."]),
    ],
    ids=["failed", "conform", "held", "stale", "skipped", "new"],
)
def test_what_is_wrong_is_said_with_its_cure(reader: FlaskClient, address: str, expected: list[str]) -> None:
    text = page(reader, address).all("main")[0].text

    assert [one for one in expected if one not in text] == []


def test_a_run_page_shows_files_relatives_and_the_sample(reader: FlaskClient, filled: Filled) -> None:
    document = page(reader, f"/runs/{filled.good}/")

    assert [one.text for one in document.all("td") if one.text in {"Main St", "1"}]
    assert "/files/runs/1/output.txt" in document.links()
    confirmed = page(reader, f"/runs/{filled.good + 1}/")
    assert f"/runs/{filled.good}/" in confirmed.links()


def test_every_endpoint_declares_what_its_json_has(reader: FlaskClient, filled: Filled) -> None:
    examples = {
        "/sources/": "/sources.json",
        "/sources/<path:what>": f"/sources/{SOURCE}.json",
        "/runs/<number>/": f"/runs/{filled.good}.json",
        "/index.json": "/index.json",
        "/collections/": "/collections.json",
        "/quality/": "/quality.json",
        "/changes/": "/changes.json",
        "/licences/": "/licences.json",
        "/statistics/": "/statistics.json",
        "/coverage/": "/coverage.json",
        "/coverage/us/": "/coverage/us.json",
        "/coverage/<code>/": "/coverage/fr.json",
        "/licences/software": "/licences/software.json",
        "/sets/": "/sets.json",
        "/sets/<number>/": f"/sets/{filled.set_id}.json",
        "/jobs/": "/jobs.json",
        "/jobs/<job>": f"/jobs/{filled.job_id}.json",
        "/latest/licenses.json": "/latest/licenses.json",
    }
    for endpoint in ENDPOINTS:
        if endpoint.path in examples:
            given = reader.get(examples[endpoint.path]).get_json()
            declared = {one.name for one in endpoint.result if not one.of} - {"next", "prev"}
            assert declared == set(given) - {"next", "prev"}, endpoint.path


def test_a_page_stays_small_and_is_sent_compressed(reader: FlaskClient) -> None:
    for address in PAGES:
        answer = reader.get(address, headers=BROWSER)
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(answer.data) < 60_000


@pytest.mark.parametrize(
    "address",
    [
        *("/", "/coverage/", "/sources/?q=nowhere", f"/sources/{SOURCE}", "/jobs/job-7-aaa"),
        *("/.well-known/security.txt", "/openapi.json"),
    ],
)
def test_all_that_leads_to_github_leads_to_the_one_that_the_settings_name(
    site: Site, filled: Filled, address: str, tmp_path: Path
) -> None:
    settings = replace(
        site.settings, github_api="https://git.example/api/v3", home=tmp_path, store=site.settings.store_location
    )
    text = create_app(site=replace(site, settings=settings)).test_client().get(address).text

    assert "https://git.example/openaddresses/openaddresses" in text
    assert "github.com" not in text


def test_a_proposed_run_leads_to_its_pull_request(reader: FlaskClient, filled: Filled) -> None:
    links = [one.attributes["href"] for one in page(reader, f"/runs/{filled.proposed}/").all("a")]

    assert "https://github.com/openaddresses/openaddresses/pull/7" in links
