"""What robots find: addresses that are there, of this site, and nothing that would have them crawl every run."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from oa_pipeline.web.pages import ENDPOINTS
from oa_pipeline.web.site import Site

from .filled import HOSTILE, SOURCE

BASE = "https://site.example"
PLACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def rules(reader: FlaskClient) -> RobotFileParser:
    found = RobotFileParser()
    found.parse(reader.get("/robots.txt").text.splitlines())
    return found


def sitemap(reader: FlaskClient) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(reader.get("/sitemap.xml").text).iter(PLACE)]


def test_every_address_of_the_sitemap_is_a_page_that_may_be_crawled(reader: FlaskClient) -> None:
    found, allowed = sitemap(reader), rules(reader)

    assert len(found) == len(set(found))
    for address in found:
        path = address.removeprefix(BASE)
        assert path.startswith("/"), address
        answer = reader.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.mimetype) == (200, "text/html"), address
        assert allowed.can_fetch("any", path), address


def test_the_sitemap_has_every_listed_page_and_every_source(reader: FlaskClient) -> None:
    found = set(sitemap(reader))

    listed = [one.path for one in ENDPOINTS if one.listed and one.fixed and one.template]
    allowed = rules(reader)
    assert {f"{BASE}{path}" for path in listed if allowed.can_fetch("any", path)} <= found
    sources = {one["source"] for one in reader.get("/sources.json?per=1000").get_json()["data_sources"]}
    assert {SOURCE, HOSTILE} <= sources
    assert sum(address.startswith(f"{BASE}/sources/") for address in found) == len(sources) + 1  # the list itself


@pytest.mark.parametrize("path", ["/runs/1/", "/jobs/", "/sets/1/", f"/latest/run/{SOURCE}.zip", "/files/runs/1/x"])
def test_what_is_endless_or_large_is_not_crawled(reader: FlaskClient, path: str) -> None:
    allowed = rules(reader)

    assert not allowed.can_fetch("any", path)
    assert allowed.can_fetch("any", f"/sources/{SOURCE}")
    assert allowed.site_maps() == [f"{BASE}/sitemap.xml"]


def test_who_finds_a_weakness_is_told_whom_to_tell(reader: FlaskClient, site: Site) -> None:
    answer = reader.get("/.well-known/security.txt")
    said = dict(line.split(": ", 1) for line in answer.text.splitlines())

    assert answer.mimetype == "text/plain"
    assert said["Contact"].startswith("https://github.com/openaddresses/openaddresses/security/")
    assert said["Canonical"] == f"{BASE}/.well-known/security.txt"
    left = datetime.fromisoformat(said["Expires"]) - site.clock()
    assert timedelta(days=30) < left < timedelta(days=366)


def test_language_models_are_told_of_every_listed_address(reader: FlaskClient) -> None:
    text = reader.get("/llms.txt").text

    assert text.startswith("# OpenAddresses\n")
    assert [one.title for one in ENDPOINTS if one.listed and one.title not in text] == []
