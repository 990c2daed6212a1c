"""The oracle as a program: one data source, one row at a time, in the plainest Python there is.

`python -m benchmarks.plain SOURCE.json DATA OUT`: DATA is what the source names, already unpacked. Writes GeoJSON lines
with a hash, as the pipeline does. It is what the pipeline's speed is measured against.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.oracle import conform_row
from oa_pipeline.sources.model import Conform, DataSource, Format
from oa_pipeline.sources.parse import parse_source

Row = tuple[dict[str, str], Any]


def csv_rows(path: Path, conform: Conform) -> Iterator[Row]:
    import shapely

    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row, shapely.Point(float(row[conform.lon or ""]), float(row[conform.lat or ""]))


def geojson_rows(path: Path, _: Conform) -> Iterator[Row]:
    from shapely.geometry import shape

    with path.open(encoding="utf-8") as file:
        next(file)
        for line in file:
            if line.startswith("{"):
                feature = json.loads(line.rstrip().rstrip(","))
                row = {k: "" if v is None else str(v) for k, v in feature["properties"].items()}
                yield row, shape(feature["geometry"])


def esri_rows(path: Path, _: Conform) -> Iterator[Row]:
    import shapely

    with gzip.open(path, "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            feature = json.loads(line)
            row = {k: "" if v is None else str(v) for k, v in feature["attributes"].items()}
            yield row, shapely.Point(feature["geometry"]["x"], feature["geometry"]["y"])


def ogr_rows(path: Path, _: Conform) -> Iterator[Row]:
    import pyogrio.raw
    import shapely

    step, start = 20_000, 0
    while True:
        meta, _, shapes, columns = pyogrio.raw.read(path, skip_features=start, max_features=step)
        if not len(shapes):
            return
        for number, wkb in enumerate(shapes):
            row = {n: "" if c[number] is None else str(c[number]) for n, c in zip(meta["fields"], columns, strict=True)}
            yield row, shapely.from_wkb(wkb)
        start += step


READERS = {Format.CSV: csv_rows, Format.GEOJSON: geojson_rows}


def main() -> None:
    source, data, out = (Path(a) for a in sys.argv[1:4])
    data_source: DataSource = parse_source(source.read_bytes(), source.stem).data_sources[0]
    conform = data_source.conform
    assert conform is not None
    rows = esri_rows if data.name.endswith(".jsonl.gz") else READERS.get(conform.format, ogr_rows)
    srs = conform.srs or ("EPSG:4326" if rows is not ogr_rows else "EPSG:2913")
    transform = None
    if srs != "EPSG:4326":
        import pyproj

        transform = pyproj.Transformer.from_crs(srs, "EPSG:4326", always_xy=True).transform
    with out.open("w", encoding="utf-8") as file:
        for row, geometry in rows(data, conform):
            if transform is not None:
                import shapely.ops

                geometry = shapely.ops.transform(transform, geometry)
            point = geometry if geometry.geom_type == "Point" else geometry.point_on_surface()
            place = [round(point.x, 7), round(point.y, 7)]
            properties = conform_row(conform, data_source.layer, row)
            text = json.dumps(properties, separators=(",", ":")) + json.dumps(place, separators=(",", ":"))
            hashed = {"hash": hashlib.sha256(text.encode()).hexdigest()[:16], **properties}
            feature = {"type": "Feature", "properties": hashed, "geometry": {"type": "Point", "coordinates": place}}
            file.write(json.dumps(feature) + "\n")


if __name__ == "__main__":
    main()
