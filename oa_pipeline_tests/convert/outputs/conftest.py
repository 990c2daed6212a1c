"""Blocks of rows, made as the pipeline makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
import shapely

from oa_pipeline.convert.batch import Points, Shapes
from oa_pipeline.convert.crs import to_lonlat
from oa_pipeline.convert.geometry import locate
from oa_pipeline.convert.outputs import Block, make_block
from oa_pipeline.counters import Counters
from oa_pipeline.sources.model import ATTRIBUTES, Layer

Row = dict[str, str | None]
MakeBlock = Callable[..., Block]


@pytest.fixture(scope="session")
def block() -> MakeBlock:
    """`block(rows, places, layer)`: rows are dictionaries, absent attributes ""; places are tuples, WKT or None."""

    def make(
        rows: Sequence[Row], places: Sequence[Any], layer: Layer = Layer.ADDRESSES, crs: str = "EPSG:4326"
    ) -> Block:
        names = ATTRIBUTES[layer]
        columns = {n: [row.get(n, "") for row in rows] for n in names}
        columns |= {n: [row.get(n) for row in rows] for row in rows for n in row if n.endswith(":json")}
        frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
        located = locate(_geometry(places), to_lonlat(crs, "x"), layer, Counters())
        return make_block(frame, names, layer, located)

    return make


def _geometry(places: Sequence[Any]) -> Points | Shapes:
    if any(isinstance(place, str) for place in places):
        return Shapes(np.array([None if p is None else shapely.from_wkt(p) for p in places], dtype=object))
    full = [(*(p or ()), *[np.nan] * 3)[:3] for p in places]
    x, y, z = np.array(full, dtype=float).reshape(-1, 3).T
    return Points(x.copy(), y.copy(), None if np.isnan(z).all() else z.copy())


@pytest.fixture
def streets(block: MakeBlock) -> Block:
    """Five addresses: two plain, one awkward, one without geometry, one at 0/0."""
    return block(
        [
            {"number": "12", "street": "Main St", "city": "Óbidos", "id": "1"},
            {"number": "12 1/2", "street": "Main St", "unit": "A, B", "region": None},
            {"number": "7", "street": 'the "Mews"', "unit": "1\n2", "postcode": "=1+1"},
            {"number": "8", "street": "Nowhere"},
            {"number": "9", "street": "Null Island"},
        ],
        [(-9.1571234567, 39.36), (12.0, 50.0000001), (-180.0, 0.00001), None, (0.0, 0.0)],
    )
