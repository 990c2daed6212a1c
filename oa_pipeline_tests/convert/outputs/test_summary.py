from __future__ import annotations

import numpy as np
import pytest

from oa_pipeline.convert.outputs.summary import SpatialSummary

SQUARES = [
    ((0.3, 0.7), "0.35", "0.75"),
    ((0.2999999, 0.6999999), "0.25", "0.65"),
    ((-0.0000001, -0.1), "-0.05", "-0.05"),
    ((-0.1, -0.1000001), "-0.05", "-0.15"),
    ((-124.0, 42.0), "-123.95", "42.05"),
    ((180.0, 90.0), "179.95", "89.95"),
    ((-180.0, -90.0), "-179.95", "-89.95"),
]


@pytest.mark.parametrize(("place", "lon", "lat"), SQUARES, ids=[str(s[0]) for s in SQUARES])
def test_a_point_is_in_the_square_that_starts_at_or_before_it(place: tuple[float, float], lon: str, lat: str) -> None:
    summary = SpatialSummary()
    summary.add(np.array([place[0]]), np.array([place[1]]))
    assert [row[:3] for row in summary.rows()] == [(1, lon, lat)]


def test_every_square_begins_at_its_own_edge() -> None:
    edges = np.arange(-1800, 1800)
    for beside, expected in ((0, edges), (1e-7, edges), (-1e-7, np.maximum(edges - 1, -1800))):
        for edge, square in zip(np.maximum(edges / 10 + beside, -180).tolist(), expected.tolist(), strict=True):
            summary = SpatialSummary()
            summary.add(np.array([round(edge, 7)]), np.array([0.05]))
            assert [row[1] for row in summary.rows()] == [f"{(square + 0.5) / 10:.2f}"]


def test_counts_add_up_over_blocks_and_rows_go_from_south_to_north() -> None:
    summary = SpatialSummary()
    summary.add(np.array([10.05, 10.06, 10.15]), np.array([50.05, 50.05, 50.05]))
    summary.add(np.array([10.05, 10.05]), np.array([50.05, 49.95]))
    assert summary.as_csv().decode() == (
        "count,lon,lat,area\r\n"
        '1,10.05,49.95,"POLYGON((10.0 49.9,10.1 49.9,10.1 50.0,10.0 50.0,10.0 49.9))"\r\n'
        '3,10.05,50.05,"POLYGON((10.0 50.0,10.1 50.0,10.1 50.1,10.0 50.1,10.0 50.0))"\r\n'
        '1,10.15,50.05,"POLYGON((10.1 50.0,10.2 50.0,10.2 50.1,10.1 50.1,10.1 50.0))"\r\n'
    )
