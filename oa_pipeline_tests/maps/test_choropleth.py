"""Maps for pages: every region is a link with a title, small enough for a page, and hostile texts stay texts."""

from __future__ import annotations

import gzip
import itertools
import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from oa_pipeline.maps import boundaries, choropleth, palette
from oa_pipeline.maps.boundaries.paths import held
from oa_pipeline.maps.choropleth import Region, step
from oa_pipeline.sources.coverage import COUNTRIES

XLINK = "http://www.w3.org/2000/svg"
MOST = 60_000  # bytes of a page, compressed


def parsed(svg: str) -> ElementTree.Element:
    """SVG within HTML needs no name space; XML does."""
    return ElementTree.fromstring(svg.replace("<svg ", f'<svg xmlns="{XLINK}" ', 1))


def found(svg: str, name: str) -> list[ElementTree.Element]:
    return list(parsed(svg).iter(f"{{{XLINK}}}{name}"))


def regions(codes: object, share: float = 0.5) -> dict[str, Region]:
    return {code: Region(f"{code}: half of the land", share, f"/coverage/{code}/") for code in codes}  # type: ignore[attr-defined]


def test_world_has_every_country_as_a_link_with_its_title() -> None:
    svg = choropleth.world(regions(sorted(COUNTRIES)), label="Countries by land with addresses")
    links = {one.get("href"): one for one in found(svg, "a")}
    assert set(links) == {f"/coverage/{code}/" for code in COUNTRIES - {"AQ"}}
    for link in links.values():
        (title,) = link.iter(f"{{{XLINK}}}title")
        assert title.text == link.get("aria-label")
    assert parsed(svg).get("aria-label") == "Countries by land with addresses"


def test_states_have_all_but_the_territories() -> None:
    svg = choropleth.states(regions(boundaries.states().index), label="States")
    assert len(found(svg, "a")) == 51


def test_counties_of_a_state_fill_its_map() -> None:
    mine = [one.code for one in boundaries.features("us") if one.kind == "county" and one.state == "CA"]
    svg = choropleth.counties("06", regions(mine), label="California")
    assert len(found(svg, "a")) == 58
    left, top, width, height = map(float, str(parsed(svg).get("viewBox")).split())
    assert left > 0
    assert top > 0
    assert 100 < width < 200
    assert 150 < height < 300


@pytest.mark.parametrize("state", ["72", "99", ""])
def test_of_what_is_not_on_the_map_there_is_none(state: str) -> None:
    assert choropleth.counties(state, {}, label="x") == ""
    assert choropleth.country(state, Region("x", 0.5), label="x") == ""


def test_every_country_has_a_map_of_its_own() -> None:
    assert set(held()["countries"]) == COUNTRIES
    for code in COUNTRIES:
        assert len(found(choropleth.country(code, Region("x", 0.5), label=code), "path")) >= 1
        width, height = held()["countries"][code]["size"]
        assert max(width, height) == pytest.approx(400, abs=0.2)


def test_maps_are_small_enough_for_a_page() -> None:
    counties = held()["us"]["counties"]
    largest = max({code[:2] for code in counties}, key=lambda state: sum(code[:2] == state for code in counties))
    maps = [
        choropleth.world(regions(COUNTRIES), label="x"),
        choropleth.states(regions(held()["us"]["states"]), label="x"),
        choropleth.counties(largest, regions(counties), label="x"),
        *(choropleth.country(code, Region("x", 0.5), label="x") for code in ("CA", "US", "RU", "ID", "GL")),
    ]
    assert max(len(gzip.compress(svg.encode())) for svg in maps) < MOST * 0.7


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 0), (0.001, 1), (0.05, 1), (0.06, 2), (0.3, 3), (0.51, 4), (0.9, 4), (0.91, 5), (1, 5)]
)
def test_shares_have_six_steps_and_none_is_apart(share: float, expected: int) -> None:
    assert step(share) == expected
    assert len(palette.STEPS) == 6


def test_what_is_broken_is_told_by_a_pattern_too() -> None:
    svg = choropleth.country("FI", Region("x", 0.0, broken=True), label="x")
    (pattern,) = found(svg, "pattern")
    drawn = [one for one in found(svg, "path") if one.get("fill") == f"url(#{pattern.get('id')})"]
    assert len(drawn) == 1
    assert "url(" not in choropleth.country("FI", Region("x", 0.2, broken=True), label="x")


@pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "a\u202eb\x00c", "'&<>\""])
def test_texts_stay_texts(text: str) -> None:
    svg = choropleth.country("FI", Region(text, 0.5, f"/x?{text}"), label=text)
    assert not found(svg, "script")
    assert "<script" not in svg
    assert not any(ord(character) < 32 or character == "\u202e" for character in svg)


def test_darker_is_more_in_grey_as_well() -> None:
    greys = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in map(palette.rgb, palette.STEPS)]
    assert greys == sorted(greys, reverse=True)
    assert min(a - b for a, b in itertools.pairwise(greys)) > 10
    for kind in (palette.WEAK, palette.STRONG):
        good, bad = (sum(palette.rgb(kind[status])) for status in ("good", "bad"))
        assert bad - good > 60


def test_pages_need_no_geometry_library() -> None:
    code = "import sys, oa_pipeline.maps.choropleth as c; c.world({}, label='x'); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.replace("'", '"')))
    assert not loaded & {"shapely", "pyproj", "geopandas", "numpy", "pandas"}
