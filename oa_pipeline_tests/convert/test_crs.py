from __future__ import annotations

import threading

import numpy as np
import pytest
from pyproj import CRS

from oa_pipeline.convert.crs import TEXT_LIMIT, to_lonlat
from oa_pipeline.errors import ConvertError, Problem


def placed(crs: str, x: float, y: float) -> tuple[float, float]:
    lon, lat = to_lonlat(crs, "us/ca/x").lonlat(np.array([x]), np.array([y]))
    return float(lon[0]), float(lat[0])


@pytest.mark.parametrize(
    "crs", ["EPSG:4326", "epsg:4326", " EPSG: 4326 ", "OGC:CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84"]
)
def test_longitude_and_latitude_are_left_as_they_are(crs: str) -> None:
    projection = to_lonlat(crs, "x")
    assert projection.identity
    assert placed(crs, 185.123456789, 91.5) == (185.123456789, 91.5)


PLACES = [
    ("EPSG:25833", 500000, 0, 15.0, 0.0),
    ("epsg:25833", 500000, 0, 15.0, 0.0),
    ("urn:ogc:def:crs:EPSG::25833", 500000, 0, 15.0, 0.0),
    ("urn:x-ogc:def:crs:EPSG:6.9:25833", 500000, 0, 15.0, 0.0),
    ("EPSG:3857", 0, 0, 0.0, 0.0),
    ("EPSG:102100", 20037508.342789244, 0, 180.0, 0.0),  # Esri's code under EPSG's name
    ("EPSG:4258", 12.5, 50.25, 12.5, 50.25),  # the registry lists latitude first
    ("EPSG:2180", 500000, 300000, 19.0, 50.567),  # the registry lists northing first
    ("EPSG:31467", 3507000, 5400000, 9.0936, 48.7369),
]


@pytest.mark.parametrize(("crs", "x", "y", "lon", "lat"), PLACES, ids=[p[0] for p in PLACES])
def test_x_is_east_and_y_is_north_in_every_system(crs: str, x: float, y: float, lon: float, lat: float) -> None:
    assert placed(crs, x, y) == pytest.approx((lon, lat), abs=0.06)


@pytest.mark.parametrize(("old", "new"), [(26591, 3003), (3359, 3404), (28467, 2497), (3785, 3857)])
def test_deprecated_codes_mean_their_successor(old: int, new: int) -> None:
    assert to_lonlat(f"EPSG:{old}", "x").name == f"EPSG:{new}"


def test_a_deprecated_code_with_several_successors_is_taken_as_it_is() -> None:
    assert len(CRS("EPSG:2191").get_non_deprecated()) != 1
    assert to_lonlat("EPSG:2191", "x").name == "EPSG:2191"


def test_the_meridian_of_rome_does_not_move_italy() -> None:
    lon, lat = placed("EPSG:26591", 1650000, 5030000)
    assert (lon, lat) == pytest.approx((10.92, 45.41), abs=0.02)


def test_well_known_text_is_read() -> None:
    for version in ("WKT1_GDAL", "WKT1_ESRI", "WKT2_2019"):
        lon, lat = placed(CRS("EPSG:25833").to_wkt(version), 400000, 5800000)
        assert (lon, lat) == pytest.approx(placed("EPSG:25833", 400000, 5800000), abs=1e-9)


def test_esri_s_wgs_84_changes_nothing() -> None:
    assert to_lonlat(CRS("EPSG:4326").to_wkt("WKT1_ESRI"), "x").identity


def test_heights_of_a_compound_system_are_left_out() -> None:
    for text in ("EPSG:7415", CRS("EPSG:7415").to_wkt("WKT1_GDAL"), CRS("EPSG:4979").to_wkt()):
        assert to_lonlat(text, "x").name in ("EPSG:28992", "EPSG:4326")


REFUSED = [
    (None, "nothing tells"),
    (" ", "nothing tells"),
    ("EPSG:25834444", "no coordinate system is known"),
    ("EPSG:nonsense", "no coordinate system is known"),
    ("https://example.com/crs.wkt", "is not accepted"),
    ("file:///etc/passwd", "is not accepted"),
    ("/etc/passwd", "is not accepted"),
    ("@crs.prj", "is not accepted"),
    ("+proj=pipeline +step +proj=hgridshift +grids=https://example.com/x.tif", "is not accepted"),
    ("+proj=utm +zone=33", "is not accepted"),
    ("WGS 84", "is not accepted"),
    ('{"type": "GeographicCRS"}', "is not accepted"),
    ('GEOGCS["x",EXTENSION["PROJ4","+proj=longlat +nadgrids=https://example.com/x.gsb"]]', "is not accepted"),
    (
        'BOUNDCRS[SOURCECRS[],ABRIDGEDTRANSFORMATION["x",PARAMETERFILE["f","https://example.com/x.gsb"]]]',
        "not accepted",
    ),
    ("PROJCS[", "cannot be read"),
    ("GEOGCS[" * 200, "cannot be read"),
    ("EPSG:4978", "no longitudes and latitudes"),
    ("EPSG:5773", "no longitudes and latitudes"),
    ('LOCAL_CS["a city\'s own"]', "no longitudes and latitudes"),
    ("IAU_2015:30100", "no way from"),
]


@pytest.mark.parametrize(("crs", "says"), REFUSED, ids=[str(r[0])[:30] for r in REFUSED])
def test_what_is_no_system_on_earth_is_refused_with_the_place_and_a_cure(crs: str | None, says: str) -> None:
    with pytest.raises(ConvertError, match=says) as caught:
        to_lonlat(crs, "us/ca/x")
    assert caught.value.place == "us/ca/x"
    assert caught.value.cure
    assert caught.value.problem is Problem.CONFORM_FAILED


def test_the_own_system_of_google_maps_names_a_null_grid_and_is_accepted() -> None:
    assert "nadgrids=@null" in CRS("EPSG:3857").to_wkt("WKT1_GDAL")
    assert placed(CRS("EPSG:3857").to_wkt("WKT1_GDAL"), 0, 0) == pytest.approx((0, 0))


def test_a_definition_of_fifty_megabytes_is_refused_unread() -> None:
    with pytest.raises(ConvertError, match="52,428,8") as caught:
        to_lonlat("PROJCS[" + "a" * (50 * 1024 * 1024), "x")
    assert len(str(caught.value)) < 300


def test_every_definition_of_the_registry_fits() -> None:
    assert len(CRS("EPSG:9518").to_wkt(pretty=True)) < TEXT_LIMIT


def test_an_unknown_code_is_answered_with_codes_near_it() -> None:
    with pytest.raises(ConvertError) as caught:
        to_lonlat("EPSG:25893", "x")
    assert "EPSG:25833" in caught.value.cure


def test_places_outside_the_projection_are_infinite_and_missing_ones_stay_missing() -> None:
    for crs in ("EPSG:25833", "EPSG:26591"):  # one operation, and several to choose from
        lon, lat = to_lonlat(crs, "x").lonlat(np.array([1e20, np.nan, 500000]), np.array([1e20, np.nan, 5e6]))
        assert np.isinf(lon).tolist() == [True, False, False]
        assert np.isnan(lon).tolist() == [False, True, False]
        assert np.isnan(lat).tolist() == [False, True, False]


def test_the_network_is_off() -> None:
    import pyproj.network

    pyproj.network.set_network_enabled(active=True)
    to_lonlat("EPSG:31467", "x")
    assert not pyproj.network.is_network_enabled()


def test_each_thread_may_have_its_own() -> None:
    found: list[tuple[float, float]] = []
    threads = [threading.Thread(target=lambda: found.append(placed("EPSG:26591", 1650000, 5030000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
