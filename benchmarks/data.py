"""Deterministic address data of any length, in every format that is measured.

A county in Oregon: about 1,000 streets for every 40,000 rows, rows sorted by street, 21 columns as publishers have,
some accents and apostrophes, coordinates with seven to nine decimals. Polygons are footprints of five to six vertices.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import geopandas
import numpy as np
import polars as pl
import pyogrio
import pyproj
import shapely
from isal import igzip

CHUNK = 100_000
PROJECTED = "EPSG:2913"
_NAMES = tuple(
    [
        "Main",
        "Oak",
        "Pine",
        "Maple",
        "Cedar",
        "Elm",
        "Washington",
        "Lake",
        "Hill",
        "Walnut",
        "Spring",
        "North",
        "Ridge",
        "Church",
        "Willow",
        "Jefferson",
        "Lincoln",
        "Jackson",
        "Adams",
        "Madison",
        "Franklin",
        "Clay",
        "Market",
        "Sunset",
        "River",
        "Meadow",
        "Forest",
        "Highland",
        "Park",
        "Garden",
        "Peña",
        "O'Brien",
        "Córdoba",
        "Müller",
        "St. John's",
        "Açaí",
        "Élan",
        "D'Arcy",
        "Grant",
        "Monroe",
    ]
)
_TYPES = ("St", "Ave", "Rd", "Dr", "Ln", "Ct", "Blvd", "Way")
_DIRECTIONS = ("", "", "", "N", "S", "E", "W", "NE", "SW")
_CITIES = ("Springfield", "Corvallis", "Albany", "La Peña", "Coeur d'Alene", "Eugene", "Salem")
_UNITS = ("Apt", "Unit", "Ste", "#")


def frames(rows: int) -> Iterator[pl.DataFrame]:
    """The rows in order, in frames of at most CHUNK rows; LON and LAT are the last two columns."""
    for start in range(0, rows, CHUNK):
        yield _frame(start, min(CHUNK, rows - start))


def _frame(start: int, count: int) -> pl.DataFrame:
    random = np.random.default_rng(20_261 + start)
    index = np.arange(start, start + count)
    street = index // 40
    name = np.array(_NAMES)[street * 7919 % len(_NAMES)]
    numbered = np.char.add(np.char.add(name, " "), (street // len(_NAMES)).astype(str))
    kind = np.array(_TYPES)[street % len(_TYPES)]
    before = np.array(_DIRECTIONS)[street % len(_DIRECTIONS)]
    house = 100 + (index % 40) * 4 + random.integers(0, 2, count)
    roll = random.random(count)
    suffix = np.where(roll < 0.01, np.array(list("ABCDEF"))[index % 6], np.where(roll < 0.02, " 1/2", ""))
    has_unit = random.random(count) < 0.18
    unit_type = np.where(has_unit, np.array(_UNITS)[index % 4], "")
    unit_no = np.where(has_unit, random.integers(1, 400, count).astype(str), "")
    city = np.array(_CITIES)[street % len(_CITIES)]
    postcode = (97_000 + street % 900).astype(str)
    lon = -123.5 + (index % 9973) / 9973 * 1.2 + random.random(count) * 1e-3
    lat = 44.0 + (index // 40 % 8000) / 8000 * 1.1 + random.random(count) * 1e-3
    decimals = 7 + index % 3
    columns = pl.DataFrame(
        {
            "OBJECTID": index + 1,
            "HOUSE": house,
            "HOUSESUF": suffix,
            "FDPRE": before,
            "FNAME": numbered,
            "FTYPE": kind,
            "FDSUF": np.where(street % 11 == 0, "N", ""),
            "UNIT_TYPE": unit_type,
            "UNIT_NO": unit_no,
            "CITY": city,
            "COUNTY": np.full(count, "Linn"),
            "STATE": np.full(count, "OR"),
            "ZIP": postcode,
            "ZIP4": np.where(random.random(count) < 0.7, random.integers(1000, 9999, count).astype(str), ""),
            "PARCEL": np.char.add("R", (index * 37 % 10_000_000).astype(str)),
            "STATUS": np.where(index % 50 == 0, "RETIRED", "ACTIVE"),
            "SRC": np.full(count, "county GIS"),
            "UPDATED": np.full(count, "2026-03-14"),
            "SQFT": np.round(random.random(count) * 4000, 1),
        }
    )
    frame = columns.with_columns(
        FULLADDR=pl.concat_str(
            [
                pl.concat_str([pl.col("HOUSE").cast(pl.String), pl.col("HOUSESUF")]),
                *(pl.col(c).replace("", None) for c in ("FDPRE", "FNAME", "FTYPE", "FDSUF", "UNIT_TYPE", "UNIT_NO")),
            ],
            separator=" ",
            ignore_nulls=True,
        ),
        LON=np.round(lon * 10.0**decimals) / 10.0**decimals,
        LAT=np.round(lat * 10.0**decimals) / 10.0**decimals,
    ).with_columns(
        MAILING=pl.concat_str([pl.col("FULLADDR"), pl.lit(", "), pl.col("CITY"), pl.lit(", OR "), pl.col("ZIP")])
    )
    return frame.select(pl.exclude("LON", "LAT"), "LON", "LAT")


def attributes(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns without the coordinates."""
    return frame.drop("LON", "LAT")


def projected(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Easting and northing of the rows in PROJECTED, in feet to three decimals."""
    transformer = pyproj.Transformer.from_crs("EPSG:4326", PROJECTED, always_xy=True)
    x, y = transformer.transform(frame["LON"].to_numpy(), frame["LAT"].to_numpy())
    return np.round(x, 3), np.round(y, 3)


def footprints(frame: pl.DataFrame) -> np.ndarray:
    """A polygon of five to six vertices around each projected point."""
    x, y = projected(frame)
    wide = 12 + np.arange(len(x)) % 17
    ring = np.stack(
        [
            np.column_stack([x - wide, y - wide]),
            np.column_stack([x + wide, y - wide]),
            np.column_stack([x + wide, y + wide / 2]),
            np.column_stack([x + wide / 3, y + wide]),
            np.column_stack([x - wide, y + wide]),
            np.column_stack([x - wide, y - wide]),
        ],
        axis=1,
    )
    return np.asarray(shapely.polygons(ring))


def write_csv(path: Path, rows: int) -> None:
    """Longitude and latitude as they are."""
    with path.open("wb") as file:
        for number, frame in enumerate(frames(rows)):
            frame.write_csv(file, include_header=number == 0)


def write_csv_projected(path: Path, rows: int) -> None:
    """Easting and northing in PROJECTED as X and Y."""
    with path.open("wb") as file:
        for number, frame in enumerate(frames(rows)):
            x, y = projected(frame)
            attributes(frame).with_columns(X=x, Y=y).write_csv(file, include_header=number == 0)


def write_geojson(path: Path, rows: int) -> None:
    """One FeatureCollection."""
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","name":"addresses","features":[\n')
        before = ""
        for frame in frames(rows):
            for row in frame.iter_rows(named=True):
                point = [row.pop("LON"), row.pop("LAT")]
                feature = {"type": "Feature", "properties": row, "geometry": {"type": "Point", "coordinates": point}}
                file.write(before + json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
                before = ",\n"
        file.write("\n]}\n")


def write_esri(path: Path, rows: int) -> None:
    """A dump of an ArcGIS layer, as `oa_pipeline.fetch.esri` writes it."""
    first = next(frames(1))
    fields = [{"name": c, "type": _ESRI[first[c].dtype]} for c in attributes(first).columns]
    metadata = {"geometryType": "esriGeometryPoint", "objectIdField": "OBJECTID", "fields": fields}
    with igzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        file.write(json.dumps({"metadata": metadata}) + "\n")
        for frame in frames(rows):
            for row in frame.iter_rows(named=True):
                geometry = {"x": row.pop("LON"), "y": row.pop("LAT")}
                line = json.dumps({"attributes": row, "geometry": geometry}, ensure_ascii=False, separators=(",", ":"))
                file.write(line + "\n")


_ESRI = {pl.Int64: "esriFieldTypeInteger", pl.Float64: "esriFieldTypeDouble", pl.String: "esriFieldTypeString"}


def write_ogr(path: Path, rows: int, *, driver: str, polygons: bool = False) -> None:
    """A layer by GDAL, in PROJECTED; `path` is the file or, for a file geodatabase, the folder."""
    for number, frame in enumerate(frames(rows)):
        shapes = footprints(frame) if polygons else np.asarray(shapely.points(*projected(frame)))
        held = attributes(frame)
        if driver == "OpenFileGDB":  # which had no longer integers for most of its life
            held = held.with_columns(pl.col(pl.Int64).cast(pl.Int32))
        table = geopandas.GeoDataFrame(held.to_pandas(), geometry=shapes, crs=PROJECTED)
        pyogrio.write_dataframe(table, path, driver=driver, append=number > 0, **_OPTIONS.get(driver, {}))


_OPTIONS: Mapping[str, dict[str, str]] = {
    "ESRI Shapefile": {"ENCODING": "UTF-8"},
    "OpenFileGDB": {"FID": "ROW_ID"},  # else OBJECTID, a column of ours, is renamed
}
