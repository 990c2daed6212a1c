"""The black-box cases as far as a reader answers for them: rows, plain columns and unprojected points."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.readers import open_reader
from oa_pipeline.convert.task import Limits
from oa_pipeline.sources.model import Column, DataSource, Format
from oa_pipeline.sources.parse import parse_source

from .reading import Read, read

STRIPPED = ("number", "street", "unit")


def data_source(case: Path) -> DataSource:
    source = parse_source((case / "source.json").read_bytes(), "case")
    layer, name = ((case / f"{which}.txt").read_text().strip() for which in ("layer", "layersource"))
    return next((one for one in source.data_sources if (one.layer, one.name) == (layer, name)), source.data_sources[0])


def dump(case: Path, into: Path) -> Path:
    held = json.loads((case / "esri.json").read_text())
    path = into / f"{case.name}.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for one in ({"metadata": held["metadata"]}, *held["features"]):
            file.write(json.dumps(one) + "\n")
    return path


def read_case(case: Path, source: DataSource, folder: Path) -> Read | None:
    """What a reader makes of the case's data, None where it is packed or another reader's."""
    assert source.conform is not None
    if (case / "esri.json").exists():
        return read(open_reader(dump(case, folder), source.conform, Limits(), form="esri"))
    path = case / source.data.rsplit("/", 1)[-1].partition("?")[0]
    if source.conform.format not in (Format.CSV, Format.GEOJSON) or source.compression or not path.is_file():
        return None
    return read(open_reader(path, source.conform, Limits(), form="file"))


def published(attribute: str, cell: str) -> str:
    """A plain column as it is published."""
    if attribute in STRIPPED:
        cell = cell.strip()
    return cell.removesuffix(".0") if attribute == "number" else cell


def check(found: Read, source: DataSource, expected: list[dict[str, Any]]) -> None:
    assert source.conform is not None
    assert len(found.rows) == len(expected)
    plain = {a: v.name for a, v in source.conform.attributes if isinstance(v, Column) and v.name in found.columns}
    for row, shape, feature in zip(found.rows, found.shapes, expected, strict=True):
        for attribute, name in plain.items():
            if attribute in feature["properties"]:
                assert published(attribute, row[name]) == str(feature["properties"][attribute])
        geometry = feature["geometry"]
        if geometry is None:
            assert shape is None
        elif found.crs == "EPSG:4326" and shape is not None and shape.startswith("POINT ("):
            x, y = map(float, shape[7:-1].split())
            assert math.dist((x, y), geometry["coordinates"]) < 1e-3  # the text of the point is a rounded one


def test_the_cases_of_these_formats_agree(shared: Path, tmp_path: Path) -> None:
    checked = 0
    for case in sorted((shared / "cases").iterdir()):
        if not (case / "expected.geojsonl").exists():
            continue
        source = data_source(case)
        found = read_case(case, source, tmp_path) if source.conform else None
        if found is not None:
            lines = (case / "expected.geojsonl").read_text().split("\n")
            try:
                check(found, source, [json.loads(line) for line in lines if line])
            except AssertionError as error:
                pytest.fail(f"{case.name}: {error}")
            checked += 1
    assert checked > 150
