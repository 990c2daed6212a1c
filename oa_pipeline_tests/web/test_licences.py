"""What may be done with the data, and whom to name."""

from __future__ import annotations

from importlib import metadata

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.settings import Settings
from oa_pipeline.sources.model import Licence
from oa_pipeline.web import software
from oa_pipeline.web.app import create_app
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import declare, run


@pytest.fixture
def many(engine: sa.Engine, settings: Settings) -> FlaskClient:
    """Licences of all kinds, one of them of two data sources."""
    for key, licence, website in (
        ("fr/a/addresses/x", Licence("Licence Ouverte", True, "IGN", False), "https://ign.example/"),
        ("fr/b/addresses/x", Licence("Licence Ouverte", True, "IGN", False), "https://ign.example/b"),
        ("fr/c/parcels/x", Licence("ODbL", None, "", True), "https://odbl.example/"),
        ("de/d/addresses/x", Licence("Public domain", False, "", False), ""),
        ("de/e/addresses/x", Licence(), ""),
    ):
        run(engine, declare(engine, key), rows=10, licence=licence, website=website)
    declare(engine, "de/never/addresses/x")
    return create_app(site=Site(settings, catalogue_seconds=0)).test_client()


def test_a_licence_of_many_is_told_once(many: FlaskClient) -> None:
    told = many.get("/licences.json").get_json()

    assert told["kinds"] == {"attribution": 1, "free": 1, "share-alike": 1, "unknown": 1}
    assert [(one["licence"], one["kind"], one["data_sources"], one["rows"]) for one in told["licences"]] == [
        ("Licence Ouverte", "attribution", 2, 20),
        ("ODbL", "share-alike", 1, 10),
        ("Public domain", "free", 1, 10),
        ("", "unknown", 1, 10),
    ]
    assert told["licences"][0]["websites"] == ["https://ign.example/", "https://ign.example/b"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("country=de", ["Public domain", ""]),
        ("layer=parcels", ["ODbL"]),
        ("kind=attribution", ["Licence Ouverte"]),
        ("q=ign+ouverte", ["Licence Ouverte"]),
        ("sort=sources&order=down&per=1", ["Licence Ouverte"]),
    ],
)
def test_licences_are_filtered_and_sorted(many: FlaskClient, query: str, expected: list[str]) -> None:
    assert [one["licence"] for one in many.get(f"/licences.json?{query}").get_json()["licences"]] == expected


def test_the_text_to_paste_names_all_who_ask_for_it(many: FlaskClient) -> None:
    assert many.get("/licences.txt").text.splitlines()[1:] == [
        "It holds data of:",
        "- IGN: Licence Ouverte, https://ign.example/, https://ign.example/b",
        "- https://odbl.example/: ODbL, share-alike",
    ]
    assert many.get("/licences.txt?country=de").text.endswith("\nNone of these sources asks to be named.\n")


def test_a_text_however_long_has_a_next_part(engine: sa.Engine, settings: Settings) -> None:
    for n in range(3):
        run(engine, declare(engine, f"fr/{n}/addresses/x"), licence=Licence(f"{'é' * 4000}{n}", True, "ü" * 4000, None))
    many = create_app(site=Site(settings, catalogue_seconds=0)).test_client()

    for sort in ("name", "publisher"):
        seen, address = [], f"/licences.json?per=1&sort={sort}"
        while address:
            part = many.get(address)
            assert part.status_code == 200, part.text
            seen += [one["licence"] for one in part.get_json()["licences"]]
            address = part.get_json().get("next", "").removeprefix("https://site.example")
        assert len(set(seen)) == 3


def test_every_library_that_is_required_is_named_with_its_licence(reader: FlaskClient) -> None:
    packages = {one["name"].lower(): one for one in reader.get("/licences/software.json").get_json()["packages"]}

    assert packages["oa_pipeline"]["licence"] == "ISC"
    assert packages["flask"] == {
        "name": "Flask", "version": metadata.version("flask"), "licence": "BSD-3-Clause", "sent": False,
        "url": "https://github.com/pallets/flask/",
    }  # fmt: skip
    assert "LGPL" in packages["pygithub"]["licence"]
    assert "pytest" not in packages
    assert not [name for name, one in packages.items() if not one["licence"]]


def test_what_is_sent_to_browsers_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [{"name": "part", "version": "1.2", "licence": "MIT", "url": "https://part.example/"}]
    monkeypatch.setattr(software, "packages", lambda: {"part": told[0]})
    software.software.cache_clear()

    (part,) = [one for one in software.software() if one["sent"]]

    assert part == {**told[0], "sent": True}
    software.software.cache_clear()
