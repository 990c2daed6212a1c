"""What the maps are made of. That they are drawn is seen in a browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger import builds, dotmap
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.maps.dotmap.drawn import LAYER
from oa_pipeline.web.app import create_app
from oa_pipeline.web.drawn.mapstyle import DOTS, style
from oa_pipeline.web.pages.maps import TILES
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import NOW, declare, run
from oa_pipeline_tests.web.reading import parsed

KEY = "us/ca/alameda/addresses/county"


@pytest.fixture(scope="module")
def mapped(site: Site) -> tuple[FlaskClient, int, int]:
    """A site with a map, a run with one, and a run without."""
    engine: sa.Engine = ledger_engine(site.settings.database_url)
    declare(engine, KEY)
    plain = run(engine, KEY)
    tiles = {
        "pmtiles": {"key": "runs/2/slippymap.pmtiles", "size": 5, "sha256": "a" * 64},
        "preview": {"key": "runs/2/preview.png", "size": 5, "sha256": "b" * 64},
    }
    with_map = run(engine, KEY, bounds=(-1.0, 2.0, 3.0, 4.0), outputs=tiles)
    build = builds.begin_build(engine, dotmap.KIND, run_ids=[plain], now=NOW)
    for area, rows in (("us-ca", 5), ("fr", 7), ("others", 1)):
        dotmap.keep_area(
            engine, build, dotmap.Area(area, f"dotmap/1/areas/{area}.pmtiles", 1, "a" * 64, area, 2, rows, 3), now=NOW
        )
    artifact = builds.Artifact(TILES, "dotmap/1/dotmap.pmtiles", 9, "b" * 64)
    dotmap.publish_dotmap(engine, build, [artifact], ["us-ca", "fr", "others"], {}, now=NOW + timedelta(minutes=1))
    return create_app(site=site).test_client(), with_map, plain


def test_the_map_of_everything_tells_where_its_dots_are_and_how_many(mapped: tuple[FlaskClient, int, int]) -> None:
    client, *_ = mapped
    told = client.get("/map.json").get_json()
    assert told["url"] == "/files/dotmap/1/dotmap.pmtiles"
    assert (told["rows"], told["size"], told["made_at"]) == (13, 9, "2026-03-01T12:01:00Z")
    named = [(one["area"], one["name"], one["rows"]) for one in told["areas"]]
    assert named == [("fr", "France", 7), ("us-ca", "California", 5), ("others", "elsewhere", 1)]
    page = client.get("/map/")
    for said in (
        'data-tiles="/files/dotmap/1/dotmap.pmtiles"',
        f'data-layer="{LAYER}"',
        "maplibre-gl.mjs",
        "California",
    ):
        assert said in page.text
    assert "worker-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_the_page_of_a_data_source_shows_where_its_published_rows_are(mapped: tuple[FlaskClient, int, int]) -> None:
    client, with_map, _ = mapped
    document = parsed(client.get(f"/sources/{KEY}", headers={"Accept": "text/html"}).text)

    assert [one.attributes["src"] for one in document.all("img")] == ["/files/runs/2/preview.png"]
    assert f"/runs/{with_map}/map/" in [one.attributes["href"] for one in document.all("a")]


def test_tilejson_names_the_archive_by_its_whole_address(mapped: tuple[FlaskClient, int, int]) -> None:
    told = mapped[0].get("/tiles.json").get_json()
    assert told["tilejson"] == "3.0.0"
    assert told["tiles"] == ["pmtiles://https://site.example/files/dotmap/1/dotmap.pmtiles/{z}/{x}/{y}"]
    assert [one["id"] for one in told["vector_layers"]] == [LAYER]


def test_a_run_with_tiles_has_a_map_and_its_page_leads_there(mapped: tuple[FlaskClient, int, int]) -> None:
    client, with_map, plain = mapped
    page = client.get(f"/runs/{with_map}/map/")
    assert 'data-tiles="/files/runs/2/slippymap.pmtiles"' in page.text
    assert 'data-bounds="[-1.0, 2.0, 3.0, 4.0]"' in page.text
    assert f'href="/runs/{with_map}/map/"' in client.get(f"/runs/{with_map}/").text
    assert "/map/" not in client.get(f"/runs/{plain}/").text.partition("<main")[2]
    for number in (plain, 10**9):
        none = client.get(f"/runs/{number}/map/")
        assert (none.status_code, f"Run {number} has no map" in none.text) == (404, True)


def test_the_page_of_a_run_shows_its_preview_where_it_has_one(mapped: tuple[FlaskClient, int, int]) -> None:
    client, drawn, plain = mapped
    (picture,) = parsed(client.get(f"/runs/{drawn}/").text).all("img")
    assert picture.attributes["src"] == "/files/runs/2/preview.png"
    assert picture.attributes["alt"].startswith("Map of where its")
    assert client.get(f"/runs/{drawn}.json").get_json()["preview"] == "/files/runs/2/preview.png"
    assert parsed(client.get(f"/runs/{plain}/").text).all("img") == []
    assert client.get(f"/runs/{plain}.json").get_json()["preview"] is None


def test_the_style_asks_nobody_else_for_anything(mapped: tuple[FlaskClient, int, int]) -> None:
    client, *_ = mapped
    told = client.get("/map/style.json").get_json()
    assert told == style()
    assert "http" not in str(told)
    assert {one["source"] for one in told["layers"] if "source" in one} == {"ground", DOTS}
    ground = client.get(told["sources"]["ground"]["data"])
    assert ground.mimetype == "application/geo+json"
    assert len(ground.get_json()["features"]) > 250
