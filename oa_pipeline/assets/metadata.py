"""A run's facts as Dagster's UI shows them: numbers it plots, tables, links."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.request import url2pathname

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from ..counters import Counters
from ..errors import PublishError
from ..ledger.tables import RunStatus
from .checks import let_through_by, what_to_do

if TYPE_CHECKING:
    from ..orchestration.carry_out import Carried
    from ..publish.store import Store

LONGEST_CELL = 80  # every event is stored for good, so a sample is a glimpse
LONGEST_SAMPLE = 1024 * 1024  # bytes of sample.json that are worth a look
MIB = 1024 * 1024
WIDTH = 480  # pixels of a map within an event
STAGES = (
    "download",
    "unpack",
    "rows",
    "finish",
    "convert",
    "preview",
    "tiles",
    "publish",
    "total",
)  # in the order of the work
# What the files of a run are called. The kind "sample" is the file; the metadata "sample" is the table.
FILES = {
    "geojson": "GeoJSON", "csv": "csv zip", "parquet": "GeoParquet", "sample": "sample file", "log": "log",
    "index": "index", "cache": "download", "preview": "preview", "pmtiles": "slippy map",
}  # fmt: skip


def metadata_of(carried: Carried, store: Store) -> dict[str, Any]:
    """What a person wants to see of a run that ended, the most interesting first. What is empty is left out."""
    ending = carried.ending
    found: dict[str, Any] = {"status": how(carried), "run": carried.ticket.number}
    if ending.problem:
        found |= {"problem": ending.problem, "detail": ending.detail, "cure": ending.cure}
    if ending.warnings:
        found["warnings"] = MetadataValue.md("\n".join(f"- {warning}" for warning in ending.warnings))
    if ending.rows is not None:
        found |= rows(carried)
    if ending.held_because:
        found |= gate(carried)
    found["map"] = picture(carried, store)
    found["sample"] = glimpse(carried, store)
    found |= links(ending.outputs, store)
    found["sizes"] = sizes(ending.outputs)
    if ending.cache is not None:
        found["download MiB"] = round(ending.cache.size / MIB, 3)
    found["seconds by stage"] = table(("stage", "seconds"), in_order(ending.seconds))
    if "total" in ending.seconds:
        found["seconds"] = ending.seconds["total"]
    if ending.peak_memory:
        found["peak memory MiB"] = round(ending.peak_memory / MIB, 1)
    found["publisher"] = address(carried.data_source.data)
    found["website"] = address(ending.website)
    found["licence"] = licence(carried)
    return stated(found)


def stated(found: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known or empty."""
    return {name: value for name, value in found.items() if value not in (None, "")}


def how(carried: Carried) -> str:
    """How the run ended, in a few words."""
    if carried.ending.status is RunStatus.HELD and carried.unchanged:
        return f"held, as run {carried.ending.copy_of} was"
    if carried.unchanged:
        return f"unchanged since run {carried.ending.copy_of}"
    return str(carried.ending.status)


def rows(carried: Carried) -> dict[str, Any]:
    """How many rows there are, what became of the others, and what they hold."""
    counters = Counters(carried.ending.counters)
    return {
        "dagster/row_count": carried.ending.rows,
        "rows read": counters["rows/read"],
        "rows dropped": sum(counters.under("rows/dropped").values()),
        "dropped by cause": table(("cause", "rows"), counters.under("rows/dropped").items()),
        "in GeoJSON only": table(("cause", "rows"), counters.under("rows/kept").items()),
        "fields filled": table(("field", "rows", "share"), filled(carried, counters)),
    }


def gate(carried: Carried) -> dict[str, Any]:
    """What a result lost. That of a held one is not what is published: the rows that count are those of the latest."""
    ending, last = carried.ending, carried.last
    lost = "\n".join(f"- {reason}" for reason in ending.held_because)
    found: dict[str, Any] = {"rows before": last["rows"] if last is not None else None}
    if ending.status is not RunStatus.HELD:
        return found | {"let through": MetadataValue.md(f"{lost}\n\n{let_through_by(ending.decided_by)}")}
    held = {"held": MetadataValue.md(f"{lost}\n\n{what_to_do(carried)}"), "rows held": ending.rows}
    return found | held | {"dagster/row_count": found["rows before"]}


def in_order(seconds: Mapping[str, float]) -> list[tuple[str, float]]:
    """The stages as they follow each other."""
    return sorted(seconds.items(), key=lambda item: (STAGES.index(item[0]) if item[0] in STAGES else 0, item[0]))


def address(text: str) -> MetadataValue[Any] | str:
    """A link where it is one, without passwords and tokens."""
    from ..fetch.redact import redact

    shown = redact(text)
    return MetadataValue.url(shown) if shown.lower().startswith(("http://", "https://")) else shown


def table(columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> MetadataValue[Any] | None:
    """A table with these columns; None where it would be empty."""
    records = [TableRecord(dict(zip(columns, line, strict=True))) for line in lines]
    if not records:
        return None
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
    """In how many rows each published attribute has text; whether the conform maps it at all."""
    conform = carried.data_source.conform
    count = carried.ending.rows or 0
    found = []
    for name in carried.data_source.attributes:
        held = counters[f"field/{name}/filled"]
        mapped = conform is not None and conform.value(name) is not None
        found.append((name, held, f"{held / count:.1%}" if count and (held or mapped) else "not mapped"))
    return found


def picture(carried: Carried, store: Store) -> MetadataValue[Any] | None:
    """Where the rows are, as a picture that Dagster shows: linked where the store has an address, else held, small."""
    kept = carried.ending.outputs.get("preview")
    address = store.url(kept["key"]) if kept else ""
    if address.startswith(("http://", "https://")):
        return MetadataValue.md(f"![where its rows are]({address})")
    held = carried.result.glimpse if carried.result is not None else b""
    if not held:
        return None
    return within(held, "where its rows are")


def within(png: bytes, says: str) -> MetadataValue[Any]:
    """A picture that the event itself holds."""
    return MetadataValue.md(f"![{says}](data:image/png;base64,{base64.b64encode(png).decode()})")


def shrunken(png: bytes, says: str) -> MetadataValue[Any]:
    """A map that may be large, small within the event."""
    from ..maps.render import smaller

    return within(smaller(png, WIDTH), says)


def glimpse(carried: Carried, store: Store) -> MetadataValue[Any] | str | None:
    """The publisher's first rows as a table, else why they cannot be shown."""
    try:
        return sample(first_rows(carried, store))
    except PublishError as error:
        return error.detail


def first_rows(carried: Carried, store: Store) -> Sequence[Sequence[str]]:
    """The publisher's header and first rows; of an unchanged source from the result that it still has.

    Raises PublishError where the store does not give them.
    """
    if carried.result is not None:
        return carried.result.outcome.sample or ()
    stored = carried.ending.outputs.get("sample")
    if stored is None or stored["size"] > LONGEST_SAMPLE:
        return ()
    with contextlib.suppress(ValueError), store.open(stored["key"]) as held:
        return list(json.load(held))
    return ()


def sample(lines: Sequence[Sequence[str]]) -> MetadataValue[Any] | None:
    """The first rows as the publisher has them."""
    if not lines:
        return None
    header = [f"{name[:LONGEST_CELL]}" or f"column {n}" for n, name in enumerate(lines[0], 1)]
    unique = [name if header.index(name) == n else f"{name} ({n + 1})" for n, name in enumerate(header)]
    cells = [[cell[:LONGEST_CELL] for cell in line[: len(unique)]] for line in lines[1:]]
    return table(unique, [line + [""] * (len(unique) - len(line)) for line in cells])


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
    """Where each file is."""
    found: dict[str, Any] = {}
    for kind, output in in_files_order(outputs):
        url = store.url(output["key"])
        is_file = url.startswith("file:")
        found[FILES.get(kind, kind)] = MetadataValue.path(url2pathname(url[7:])) if is_file else MetadataValue.url(url)
    return found


def sizes(outputs: Mapping[str, Mapping[str, Any]]) -> MetadataValue[Any] | None:
    """How big each file is."""
    return table(
        ("file", "bytes", "rows"),
        [
            (FILES.get(kind, kind), output["size"], "" if output.get("rows") is None else f"{output['rows']:,}")
            for kind, output in in_files_order(outputs)
        ],
    )


def in_files_order(outputs: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """The files, results first."""
    known = list(FILES)
    return sorted(outputs.items(), key=lambda item: (known.index(item[0]) if item[0] in known else len(known), item[0]))
