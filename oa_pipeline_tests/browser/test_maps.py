"""The maps in a real browser: that dots are drawn, what they say, with mouse and keyboard, and what hostile rows do."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from oa_pipeline.ledger import builds, dotmap
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.maps import palette
from oa_pipeline.maps.dotmap.drawn import LAYER
from oa_pipeline.maps.tippecanoe import program as tippecanoe
from oa_pipeline.web.pages.maps import RUN_LAYER, TILES
from oa_pipeline_tests.database import open_folder, temporary
from oa_pipeline_tests.ledger.life import NOW, declare, run
from oa_pipeline_tests.web.filled import SCRIPT, outputs
from oa_pipeline_tests.web.served import served

from .chromium import begun
from .looking import Window, barriers, wider

KEY = "us/ca/alameda/addresses/county"
MIDDLE = (-122.0, 37.6)
BOUNDS = (-122.02, 37.58, -121.98, 37.62)
ROWS = [{"number": "12", "street": SCRIPT, "unit": ""}] + [{"number": str(n), "street": "Main St"} for n in range(8)]
# Where they are: the first in the middle, the others around it.
PLACES = [
    MIDDLE,
    *((MIDDLE[0] + 0.005 * dx, MIDDLE[1] + 0.005 * dy) for dx in (-2, 0, 2) for dy in (-2, 0, 2) if dx or dy),
]
SWIFT = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@dataclass(frozen=True)
class Maps:
    """A site with a map of everything and one of a run."""

    url: str
    run: int


@pytest.fixture(scope="module")
def drawing(browser: Browser) -> Iterator[Browser]:
    """A browser that draws maps without a graphics card."""
    found = begun(browser.browser_type, *SWIFT)
    yield found
    found.close()


@pytest.fixture(scope="module")
def maps(chromium: str, server: str, ledger_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maps]:
    work = tmp_path_factory.mktemp("tiles")
    with open_folder() as folder:
        for url in temporary(server, ledger_template):
            engine = ledger_engine(url)
            store = folder / "store"
            held = _tiles(work, store / "runs/1/slippymap.pmtiles", RUN_LAYER)
            declare(engine, KEY)
            made = outputs("runs/1/", "us/ca/alameda", slippymap={"key": "runs/1/slippymap.pmtiles", **held})
            number = run(engine, KEY, rows=len(ROWS), bounds=BOUNDS, prefix="runs/1/", outputs=made)
            held = _tiles(work, store / "dotmap/1/dotmap.pmtiles", LAYER)
            build = builds.begin_build(engine, dotmap.KIND, run_ids=[number], now=NOW)
            area = dotmap.Area("us-ca", "dotmap/1/areas/us-ca.pmtiles", 1, "a" * 64, "f", 1, len(ROWS), 3)
            dotmap.keep_area(engine, build, area, now=NOW)
            artifact = builds.Artifact(TILES, "dotmap/1/dotmap.pmtiles", held["size"], held["sha256"])
            dotmap.publish_dotmap(engine, build, [artifact], ["us-ca"], {}, now=NOW + timedelta(minutes=1))
            with served(url, folder) as site:
                yield Maps(site.url, number)


def _tiles(work: Path, path: Path, layer: str) -> dict[str, Any]:
    lines = work / f"{layer}.geojson"
    lines.write_text(
        "\n".join(
            json.dumps({"type": "Feature", "geometry": {"type": "Point", "coordinates": place}, "properties": row})
            for place, row in zip(PLACES, ROWS, strict=True)
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [tippecanoe(), "-q", "-r1", "-B0", "-z14", "-l", layer, "-o", path, lines], check=True, capture_output=True
    )
    return {"size": path.stat().st_size, "sha256": "b" * 64, "rows": len(ROWS)}


@pytest.fixture
def window(drawing: Browser) -> Window:
    return Window(drawing)


def drawn(window: Window, url: str) -> Page:
    page = window.show(url)
    page.wait_for_selector("#map[data-drawn=yes]")
    return page


def dots(page: Page) -> int:
    """How many pixels of the map have the colour of a dot."""
    shot = Image.open(io.BytesIO(page.locator("#map canvas").screenshot())).convert("RGB")
    wanted = palette.rgb(palette.DOT)
    found = shot.getcolors(shot.width * shot.height)
    assert found is not None
    return sum(count for count, colour in found if max(abs(a - b) for a, b in zip(colour, wanted, strict=True)) <= 8)


def test_the_dots_of_a_run_are_drawn_and_no_stranger_is_asked(window: Window, maps: Maps, screenshots: Path) -> None:
    page = drawn(window, f"{maps.url}/runs/{maps.run}/map/")
    page.screenshot(path=screenshots / "map-of-a-run.wide.png", full_page=True)
    assert dots(page) > 9 * len(ROWS)
    assert window.complaints == []
    assert window.strangers() == []
    assert barriers(page) == []
    window.resize(wide=False, dark=True)
    assert wider(page) <= 0
    assert barriers(page) == []


def test_the_map_of_everything_has_dots_where_addresses_are_and_a_table_beside_it(
    window: Window, maps: Maps, screenshots: Path
) -> None:
    page = drawn(window, f"{maps.url}/map/")
    page.screenshot(path=screenshots / "map-of-everything.wide.png", full_page=True)
    assert dots(page) > 0
    assert page.get_by_role("rowheader", name="California").count() == 1
    there = drawn(window, f"{maps.url}/map/#at=13/{MIDDLE[1]}/{MIDDLE[0]}")
    assert dots(there) > 9 * len(ROWS)
    assert window.complaints == []


def test_what_publishers_wrote_is_text_in_a_popup(window: Window, maps: Maps) -> None:
    page = drawn(window, f"{maps.url}/runs/{maps.run}/map/")
    page.locator("#map canvas").click()
    popup = page.locator(".maplibregl-popup-content")
    popup.wait_for()
    assert SCRIPT in popup.locator("dd").all_inner_texts()
    assert popup.locator("script, img, iframe").count() == 0
    assert page.evaluate("() => document.querySelectorAll('main script, main img').length") == 0
    assert window.complaints == []


def test_a_map_is_moved_and_asked_by_keyboard(window: Window, maps: Maps) -> None:
    page = drawn(window, f"{maps.url}/runs/{maps.run}/map/")
    page.locator("#map canvas").focus()
    page.keyboard.press("Enter")
    page.locator(".maplibregl-popup-content").wait_for()
    assert page.locator("#map-note").inner_text() == "One address."
    page.locator("#map canvas").focus()
    page.keyboard.press("Escape")
    assert page.locator(".maplibregl-popup-content").count() == 0
    before = page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => location.href !== before", arg=before)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('map-note').innerText === 'There is no dot there.'")


def test_without_scripts_there_is_the_table(drawing: Browser, maps: Maps) -> None:
    window = Window(drawing, scripts=False)
    page = window.show(f"{maps.url}/map/")
    assert page.locator("#map").is_hidden()
    assert page.get_by_role("rowheader", name="California").count() == 1
    assert "made after" not in page.locator("main").inner_text()


def test_a_browser_that_cannot_draw_says_so(browser: Browser, maps: Maps) -> None:
    found = begun(browser.browser_type, "--disable-3d-apis")
    page = Window(found).show(f"{maps.url}/map/")
    page.wait_for_function("() => document.getElementById('map-note').innerText.includes('cannot draw')")
    assert page.get_by_role("rowheader", name="California").count() == 1
    found.close()
