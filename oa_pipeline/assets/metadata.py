"""A run's facts as Dagster's UI shows them: numbers it plots, tables, links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from ..counters import Counters

if TYPE_CHECKING:
    from ..orchestration.carry_out import Carried
    from ..publish.store import Store

LONGEST_CELL = 80  # every event is stored for good, so a sample is a glimpse


def metadata_of(carried: Carried, store: Store) -> dict[str, Any]:
    """What a person wants to see of a run that ended."""
    ending = carried.ending
    counters = Counters(ending.counters)
    found: dict[str, Any] = {
        "run": carried.ticket.number,
        "status": str(ending.status),
        "unchanged": carried.unchanged,
        "seconds": table(("stage", "seconds"), sorted(ending.seconds.items())),
        "licence": licence(carried),
    }
    if ending.rows is not None:
        found["dagster/row_count"] = ending.rows
        found["rows read"] = counters["rows/read"]
        found["dropped"] = table(("cause", "rows"), counters.under("rows/dropped").items())
        found["kept for geojson only"] = table(("cause", "rows"), counters.under("rows/kept").items())
        found["fields filled"] = table(("field", "rows", "share"), filled(carried, counters))
    if ending.problem:
        found["problem"] = ending.problem
        found["detail"] = ending.detail
        found["cure"] = ending.cure
    if ending.warnings:
        found["warnings"] = MetadataValue.md("\n".join(f"- {warning}" for warning in ending.warnings))
    if ending.cache is not None:
        found["download bytes"] = ending.cache.size
    if ending.peak_memory:
        found["peak memory bytes"] = ending.peak_memory
    if ending.copy_of is not None:
        found["copy of run"] = ending.copy_of
    if carried.result is not None and carried.result.outcome.sample:
        found["sample"] = sample(carried.result.outcome.sample)
    found.update(links(ending.outputs, store))
    if ending.website:
        found["website"] = MetadataValue.url(ending.website)
    return found


def table(columns: Sequence[str], rows: Any) -> MetadataValue[Any]:
    """A table with these columns."""
    records = [TableRecord(dict(zip(columns, row, strict=True))) for row in rows]
    kinds = [_kind(records, name) for name in columns]
    schema = TableSchema([TableColumn(name, kind) for name, kind in zip(columns, kinds, strict=True)])
    return MetadataValue.table(records, schema)


def _kind(records: Sequence[TableRecord], name: str) -> str:
    values = [record.data[name] for record in records]
    for kind, type_ in (("int", int), ("float", int | float)):
        if values and all(isinstance(value, type_) for value in values):
            return kind
    return "string"


def filled(carried: Carried, counters: Counters) -> list[tuple[str, int, str]]:
    """In how many rows each published attribute has text."""
    rows = carried.ending.rows or 0
    counts = [(name, counters[f"field/{name}/filled"]) for name in carried.data_source.attributes]
    return [(name, count, f"{count / rows:.1%}" if rows else "") for name, count in counts]


def sample(rows: Sequence[Sequence[str]]) -> MetadataValue[Any]:
    """The first rows as the publisher has them."""
    header = [f"{name[:LONGEST_CELL]}" or f"column {n}" for n, name in enumerate(rows[0], 1)]
    unique = [name if header.index(name) == n else f"{name} ({n + 1})" for n, name in enumerate(header)]
    cells = [[cell[:LONGEST_CELL] for cell in row[: len(unique)]] for row in rows[1:]]
    return table(unique, [row + [""] * (len(unique) - len(row)) for row in cells])


def licence(carried: Carried) -> str:
    """The licence in one line."""
    said = carried.ending.licence
    parts = [said.text or "none stated"]
    if said.attribution_required:
        parts.append(f"attribution: {said.attribution_name or 'required'}")
    if said.share_alike:
        parts.append("share alike")
    return "; ".join(parts)


def links(outputs: Mapping[str, Mapping[str, Any]], store: Store) -> dict[str, Any]:
    """Where each output is, and how big."""
    found: dict[str, Any] = {}
    for kind, output in sorted(outputs.items()):
        url = store.url(output["key"])
        found[kind] = (
            MetadataValue.path(url.removeprefix("file://")) if url.startswith("file:") else MetadataValue.url(url)
        )
        found[f"{kind} bytes"] = output["size"]
    return found
