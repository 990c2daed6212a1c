"""What a report needs to know, from the ledger and, within bounds, from the store."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from ...errors import OAError, PublishError, SourceError
from ...ledger import jobs, partitions, queries
from ...ledger.partitions import Declared
from ...orchestration.gate import Limits, limits_of
from ...publish.store import MissingObject
from ...sources.columns import named_columns
from ...sources.model import Conform
from ...sources.parse import parse_declared
from .facts import Glimpse, Row, SourceFacts, Surroundings
from .holding import would_be_held
from .outcomes import GOOD, outcome_of
from .text import render

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ...publish.store import Store
    from ...settings import Settings

MOST_LOOKED_INTO = 40  # data sources of which the store is asked; no comment holds more
ROWS = 5
LARGEST_SAMPLE = 1024 * 1024  # bytes
LARGEST_START = 256 * 1024  # packed bytes of the published rows
LARGEST_ROWS = 2 * 1024 * 1024  # ... and unpacked
LONGEST_VALUE = 400  # characters
MANY = f"those of {MOST_LOOKED_INTO} data sources are shown"
AWAY = "the store does not give its file"
GONE = "its file is not kept any more"
LINKS = {
    "log": "log", "geojson": "GeoJSON", "csv": "csv zip", "parquet": "GeoParquet", "sample": "sample", "index": "index",
    "cache": "download", "pmtiles": "slippy map",
}  # fmt: skip


def report_of(engine: Engine, store: Store, settings: Settings, job_id: str) -> str:
    """The report of a job as it stands, as Markdown. Raises OAError where there is no such job."""
    job = jobs.job(engine, job_id)
    if job is None:
        raise OAError(f"there is no job {job_id!r}")
    members = jobs.members(engine, job_id)
    around = Surroundings(f"{settings.public_url}/jobs/{job_id}", f"{web_of(settings.github_api)}/{job['repository']}")
    return render(job, members, facts_of(engine, store, members, limits_of(settings)), around)


def facts_of(
    engine: Engine, store: Store, members: Sequence[Row], limits: Limits | None = None
) -> dict[str, SourceFacts]:
    """What is known of each data source, by key. A file that the store does not give is said to be missing.

    `limits` are the gate's; without them nothing is said of it.
    """
    keys = [member["key"] for member in members]
    before = queries.latest_good_runs(engine, keys)
    proposed = {one.key: one for one in partitions.declared_ones(engine, [m["partition"] for m in members])}
    looked_into = {m["key"] for m in islice(sorted(members, key=_interest), MOST_LOOKED_INTO)}
    found = {
        member["key"]: _facts(
            member, before.get(member["key"]), proposed.get(member["partition"]), store, member["key"] in looked_into
        )
        for member in members
    }
    if limits is None:
        return found
    held = {member["key"]: would_be_held(member, before.get(member["key"]), limits) for member in members}
    return {key: replace(facts, held=held[key]) for key, facts in found.items()}


def web_of(api: str) -> str:
    """GitHub as people visit it, from the address of its API."""
    if api == "https://api.github.com":
        return "https://github.com"
    return api.removesuffix("/api/v3")


def _interest(member: Row) -> tuple[bool, str]:
    return outcome_of(member) in GOOD, member["key"]


def _facts(member: Row, before: Row | None, declared: Declared | None, store: Store, looked_into: bool) -> SourceFacts:
    outputs: Mapping[str, Any] = member["run_outputs"] or {}
    known = {"before": before, "links": _links(outputs, store), **_said_by(declared)}
    if not looked_into:
        return SourceFacts(**known, publisher=Glimpse(trouble=MANY), published=Glimpse(trouble=MANY))
    given = [name for name in known.get("attributes", ()) if name in known["mapped"]]
    return SourceFacts(
        **known,
        publisher=_publisher(outputs.get("sample"), store),
        published=_published(outputs.get("geojson"), store, given),
        preview=store.url(outputs["preview"]["key"]) if "preview" in outputs else "",
    )


def _said_by(declared: Declared | None) -> dict[str, Any]:
    """What the proposed file says."""
    if declared is None:
        return {}
    try:
        one = parse_declared(
            declared.declared, declared.coverage, declared.source, declared.layer, first=declared.first
        )
    except SourceError:
        return {}
    conform = one.conform
    mapped = frozenset(name for name in one.attributes if conform and conform.value(name) is not None)
    reads = _reads(conform) if conform else frozenset()
    return {"attributes": one.attributes, "mapped": mapped, "reads": reads, "licence": one.licence}


def _reads(conform: Conform) -> frozenset[str]:
    return named_columns(conform) | {name for name in (conform.lat, conform.lon) if name}


def _links(outputs: Mapping[str, Any], store: Store) -> tuple[tuple[str, str], ...]:
    """The files that the public can read; those in a folder that nobody serves are left out."""
    found = [(label, store.url(outputs[kind]["key"])) for kind, label in LINKS.items() if kind in outputs]
    return tuple((label, address) for label, address in found if address.startswith(("http://", "https://")))


def _publisher(stored: Mapping[str, Any] | None, store: Store) -> Glimpse:
    """The publisher's own header and first rows."""
    if stored is None:
        return Glimpse()
    if stored["size"] > LARGEST_SAMPLE:
        return Glimpse(trouble="they are too large")
    try:
        lines = json.loads(store.read(stored["key"], 0, LARGEST_SAMPLE))
        header, *rows = [tuple(map(_text, line)) for line in lines[: ROWS + 1]]
    except MissingObject:
        return Glimpse(trouble=GONE)
    except PublishError:
        return Glimpse(trouble=AWAY)
    except (ValueError, TypeError, RecursionError):
        return Glimpse(trouble="the file that has them cannot be read")
    return Glimpse(header, tuple(rows))


def _published(stored: Mapping[str, Any] | None, store: Store, attributes: Sequence[str]) -> Glimpse:
    """The first rows as the conform made them."""
    if stored is None:
        return Glimpse()
    try:
        start = store.read(stored["key"], 0, LARGEST_START)
    except MissingObject:
        return Glimpse(trouble=GONE)
    except PublishError:
        return Glimpse(trouble=AWAY)
    try:
        unpacking = zlib.decompressobj(wbits=31)
        text = unpacking.decompress(start, LARGEST_ROWS)
        whole = text.split(b"\n")[:-1][:ROWS]  # what follows the last line's end may go on
        features = [json.loads(line) for line in whole]
        rows = [(*(_text(f["properties"].get(name)) for name in attributes), _place(f["geometry"])) for f in features]
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Glimpse(trouble="the file that has them cannot be read")
    if not rows and stored["size"]:
        return Glimpse(trouble="the first one is too large")
    return Glimpse((*attributes, "place"), tuple(rows))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:LONGEST_VALUE]


def _place(geometry: Any) -> str:
    """A point's coordinates, another geometry's kind."""
    if geometry is None:
        return "none"
    if geometry["type"] != "Point":
        return str(geometry["type"])
    longitude, latitude = geometry["coordinates"][:2]
    return f"{longitude}, {latitude}"
