"""The regional files: what their user must know, and lines that fetch and read them."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from .filled import KEY, SOURCE
from .reading import parsed

LATEST = "https://site.example/latest/collections"


def test_every_current_file_is_there_with_its_facts(reader: FlaskClient) -> None:
    told = reader.get("/collections.json").get_json()

    assert (told["total"], told["of"], told["build"]) == (3, 3, 1)
    assert [one["name"] for one in told["collections"]] == [
        "openaddr-collected-global-sa.zip", "openaddr-collected-global.zip", "openaddr-collected-asia.zip",
    ]  # fmt: skip
    assert told["collections"][1] == {
        "name": "openaddr-collected-global.zip",
        "area": "global",
        "licence": "free",
        "form": "zip",
        "layer": "addresses",
        "size": 5000000,
        "rows": 7,
        "sources": 2,
        "sha256": "e" * 64,
        "created_at": "2026-03-01T12:00:00Z",
        "latest": f"{LATEST}/openaddr-collected-global.zip",
        "url": "https://site.example/files/collections/1/openaddr-collected-global.zip",
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("licence=share-alike", ["global-sa"]),
        ("area=asia", ["asia"]),
        ("form=parquet", []),
        ("layer=parcels", []),
        ("sort=size", ["asia", "global-sa", "global"]),
        ("sort=size&order=down&per=2", ["global", "global-sa"]),
        ("sort=name", ["asia", "global-sa", "global"]),
    ],
)
def test_files_are_filtered_and_sorted(reader: FlaskClient, query: str, names: list[str]) -> None:
    found = reader.get(f"/collections.json?{query}").get_json()["collections"]

    assert [one["name"] for one in found] == [f"openaddr-collected-{name}.zip" for name in names]


def test_the_page_says_in_words_what_may_be_done_with_a_file(reader: FlaskClient) -> None:
    document = parsed(reader.get("/collections/", headers={"Accept": "text/html"}).text)
    text = document.all("main")[0].text

    assert f"{LATEST}/openaddr-collected-global-sa.zip" in document.links()
    for words in ("Share-alike required", "Freely shareable", "5.0 MB".replace(" ", "\u202f"), "2026-03-01", "e" * 64):
        assert words in text
    assert f"curl -fL -o openaddr-collected-asia.zip {LATEST}/openaddr-collected-asia.zip" in text


def test_a_source_has_the_same_lines_for_each_of_its_files(reader: FlaskClient) -> None:
    files = reader.get(f"/sources/{SOURCE}.json").get_json()["published"]["files"]
    text = parsed(reader.get(f"/sources/{SOURCE}", headers={"Accept": "text/html"}).text).all("main")[0].text

    name = KEY.replace("/", "-")
    assert {one["save_as"] for one in files} == {"alameda.zip", f"{name}.geojson.gz", f"{name}.parquet"}
    lines = [one["line"] for each in files for one in each["commands"]]
    assert f"curl -fL -o {name}.parquet https://site.example/latest/run/{KEY}.parquet" in lines
    assert [line for line in lines if line not in text] == []
