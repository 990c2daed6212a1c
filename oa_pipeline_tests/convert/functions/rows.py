"""Conforms in JSON and rows as dictionaries, run through the real program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from oa_pipeline.convert.batch import text_frame
from oa_pipeline.convert.functions import Program, compile_program
from oa_pipeline.convert.task import Limits
from oa_pipeline.sources.model import DataSource
from oa_pipeline.sources.parse import parse_declared

Rows = Iterable[Mapping[str, str]]


def data_source(conform: Mapping[str, Any], layer: str = "addresses", **more: Any) -> DataSource:
    declared = {"name": "county", "data": "https://a.example/a.csv", "protocol": "http", **more}
    declared["conform"] = {"format": "csv", "lon": "X", "lat": "Y", **conform}
    return parse_declared(declared, {"country": "xx"}, "xx/a", layer)


def program(
    conform: Mapping[str, Any],
    columns: Iterable[str],
    layer: str = "addresses",
    *,
    missing_is_empty: bool = False,
    limits: Limits | None = None,
) -> Program:
    source = data_source(conform, layer)
    assert source.conform is not None
    return compile_program(
        source.conform,
        source.layer,
        source.attributes,
        tuple(columns),
        missing_is_empty=missing_is_empty,
        limits=limits or Limits(),
    )


def run(made: Program, columns: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """The attributes of each row as they would stand in JSON."""
    frame = made.run(text_frame(dict(columns)))
    names = [name for name in frame.columns if not name.endswith(":json")]
    return [
        {name: json.loads(row[f"{name}:json"]) if f"{name}:json" in row else row[name] for name in names}
        for row in frame.iter_rows(named=True)
    ]


def conformed(conform: Mapping[str, Any], rows: Rows, layer: str = "addresses", **how: Any) -> list[dict[str, Any]]:
    held = list(rows)
    columns = {name: [row[name] for row in held] for name in held[0]}
    return run(program(conform, columns, layer, **how), columns)


def value(function: Any, row: Mapping[str, str], attribute: str = "city") -> Any:
    """What one function gives for one row, in an attribute that no clean-up touches."""
    return conformed({attribute: function}, [row])[0][attribute]
