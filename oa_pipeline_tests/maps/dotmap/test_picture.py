"""The dotmap from afar: dots are where the addresses are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from oa_pipeline.maps.dotmap import picture as drawing
from oa_pipeline.maps.dotmap.mvt import places, unpacked
from oa_pipeline.maps.dotmap.picture import picture
from oa_pipeline_tests.maps.dotmap.archives import opened, write
from oa_pipeline_tests.maps.dotmap.test_mvt import point, tile

BLUE = (33, 113, 181)


def test_points_lie_at_their_share_of_the_tile() -> None:
    data = tile([point(0, 0), point(1024, 4096), {"geometry": "MULTIPOINT((1 2), (2048 -41))", "properties": {}}])
    assert list(places(unpacked(data))) == [(0, 0), (0.25, 1), (1 / 4096, 2 / 4096), (0.5, -41 / 4096)]


def test_what_is_no_point_has_no_place() -> None:
    assert list(places(unpacked(tile([{"geometry": "LINESTRING(0 0, 9 9)", "properties": {}}])))) == []


@pytest.mark.parametrize(
    ("shares", "left"), [([(0.25, 0.5), (0.75, 0.5)], False), ([(0.25, 0.5), (0.3, 0.5), (0.75, 0.5)], True)]
)
def test_the_dots_are_drawn_where_they_are(tmp_path: Path, shares: Sequence[tuple[float, float]], left: bool) -> None:
    dots = [point(round(x * 4096), round(y * 4096)) for x, y in shares]
    found = picture(opened(write(tmp_path / "x", {(0, 0, 0): tile(dots)})))
    assert found is not None
    near = found.convert("RGB")
    blue = [x for x in range(near.width) for y in range(near.height) if near.getpixel((x, y)) == BLUE]
    halves = (sum(x < near.width / 2 for x in blue), sum(x > near.width / 2 for x in blue))
    assert min(halves) > 0
    assert (halves[0] > halves[1] * 1.5) == left


def test_the_highest_zoom_that_is_not_too_much_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    low, high = tile([point(1, 1)]), tile([point(n, n, number=str(n)) for n in range(500)])
    path = write(tmp_path / "x", {(0, 0, 0): low, (3, 1, 1): high, (12, 1, 1): high})
    seen: list[int] = []
    dots = drawing._dots
    monkeypatch.setattr(drawing, "_dots", lambda archive, zoom: seen.append(zoom) or dots(archive, zoom))
    picture(opened(path))
    monkeypatch.setattr(drawing, "MOST_BYTES", len(low))
    picture(opened(path))
    assert seen == [12, 0]
    monkeypatch.setattr(drawing, "MOST_BYTES", 1)
    assert picture(opened(path)) is None


def test_without_a_dot_there_is_no_picture(tmp_path: Path) -> None:
    assert picture(opened(write(tmp_path / "x", {(0, 0, 0): tile([point(-3, 5)])}))) is None
