from __future__ import annotations

import numpy as np
import pyarrow as pa
import shapely

from oa_pipeline.publish.collections.places import along_curve, boxes, outward


def test_the_curve_passes_through_every_square_once_and_only_to_neighbours() -> None:
    side = 32  # the curve of 65,536 squares across, seen at every 2,048th of them
    step = np.array([180.0, 90.0]) * 2 / side
    across, up = np.meshgrid(np.arange(side), np.arange(side))
    west = across.ravel() * step[0] - 180 + 0.001
    south = up.ravel() * step[1] - 90 + 0.001
    order = np.argsort(along_curve(west, south, west, south) >> np.uint32(22))
    path = np.column_stack((across.ravel(), up.ravel()))[order]
    places = np.sort(along_curve(west, south, west, south) >> np.uint32(22))
    assert places.tolist() == list(range(side * side))
    assert (np.abs(np.diff(path, axis=0)).sum(axis=1) == 1).all()


def test_the_ends_of_the_earth_have_places() -> None:
    corners = np.array([[-180.0, -90.0], [180.0, 90.0], [-180.0, 90.0], [180.0, -90.0]])
    places = along_curve(corners[:, 0], corners[:, 1], corners[:, 0], corners[:, 1])
    assert len(set(places.tolist())) == 4
    assert places.dtype == np.uint32


def test_boxes_of_points_and_of_other_geometries() -> None:
    shapes = [shapely.Point(1, 2), shapely.Point(-3.5, 4), shapely.Point(5, 6)]
    points = pa.array(shapely.to_wkb(shapes, byte_order=1), pa.binary())
    assert boxes(points).tolist() == [[1, 2, 1, 2], [-3.5, 4, -3.5, 4], [5, 6, 5, 6]]
    assert boxes(points.slice(1, 1)).tolist() == [[-3.5, 4, -3.5, 4]]
    mixed = [shapely.box(1, 2, 3, 4), shapely.Point(1, 2, 7), shapely.LineString([(0, 5), (1, -5)])]
    wkb = pa.array(shapely.to_wkb(mixed, flavor="iso", byte_order=1), pa.binary())
    assert boxes(wkb).tolist() == [[1, 2, 3, 4], [1, 2, 1, 2], [0, -5, 1, 5]]
    # As long as points are, but with the big end first.
    other = pa.array(shapely.to_wkb(shapes, byte_order=0), pa.binary())
    assert boxes(other).tolist() == boxes(points).tolist()
    assert len(boxes(points.slice(0, 0))) == 0


def test_a_box_in_fewer_bits_still_holds_what_it_held() -> None:
    random = np.random.default_rng(3)
    low = random.uniform(-180, 180, (10_000, 2))
    box = np.hstack((low, low + random.uniform(0, 1e-6, (10_000, 2))))
    narrow = outward(box)
    assert narrow.dtype == np.float32
    assert (narrow[:, :2] <= box[:, :2]).all()
    assert (narrow[:, 2:] >= box[:, 2:]).all()
    assert (np.abs(narrow - box) < 1e-4).all()
