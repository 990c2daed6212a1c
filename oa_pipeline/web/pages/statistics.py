"""Numbers over all runs: sets over time, how long things take, what was lost and recovered by publisher and cause."""

from __future__ import annotations

import statistics as numbers
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...ledger import builds
from ...publish.statistics import MACHINE_STATS, STATISTICS
from ..answering.stored import told
from ..drawn.sparkline import sparkline
from ..endpoints import Answer, Asked, Endpoint, Field, Kind, Parameter
from ..forms import json_form
from ..ordering import ORDER, OTHER_PARTS, PAGE, part_asked
from ..rendering import iso

LARGEST = 8 << 20  # bytes of a file that is read
PER = 26  # sets in one part: half a year of weeks
MOST = 100  # rows of what was lost or recovered
MEASURES = {
    "last_address_counts": ("Addresses of a source", ""),
    "last_cache_times": ("Download of a source", "s"),
    "last_process_times": ("Conversion of a source", "s"),
}
SORTS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "date": lambda one: one["at"],
    "addresses": lambda one: one["addresses"],
    "sources": lambda one: one["successful_sources"],
}


def statistics(asked: Asked) -> Answer:
    """What the newest statistics say."""
    machine, ours = _read(asked, MACHINE_STATS), _read(asked, STATISTICS)
    series = [_point(one) for one in machine.get("timeseries", ())]
    part = part_asked(asked, series, SORTS, lambda one: iso(one["at"]))
    index = ours.get("index") or {}
    data = {
        "at": _moment(ours.get("at")),
        "addresses": index.get("addresses"),
        "sources": index.get("sources"),
        "processed": index.get("processed"),
        "layers": [{"layer": layer, **counts} for layer, counts in (index.get("layers") or {}).items()],
        "timeseries": list(part.rows),
        "spread": [_spread(name, machine.get(name, ())) for name in MEASURES],
        "problems": [{"problem": why, "data_sources": count} for why, count in (ours.get("problems") or {}).items()],
        "sets": ours.get("sets") or [],
        **{name: _turned(ours.get(name) or {}) for name in ("lost", "recovered")},
        "lost_sources": [_lost(one) for one in (machine.get("lost_sources") or {}).get("rows", ())][:MOST],
    }
    curves = [
        ("Addresses", sparkline([one["addresses"] for one in series]), _ends(series, "addresses")),
        ("Sources with a result", sparkline([one["successful_sources"] for one in series]),
         _ends(series, "successful_sources")),
    ]  # fmt: skip
    tables = {"hosts": _beside(data, "by_host"), "causes": _beside(data, "by_problem")}
    return Answer(data, links=part.links(asked), only_page={"curves": curves, "measures": MEASURES, "beside": tables})


def _read(asked: Asked, name: str) -> Mapping[str, Any]:
    """The current file of this name, out of the store; empty where there is none to show."""
    found = builds.artifact(asked.site.ledger(), name)
    held = told(asked, found["key"], LARGEST) if found is not None else None
    return held if isinstance(held, dict) else {}


def _point(one: Mapping[str, Any]) -> dict[str, Any]:
    same = ("addresses", "successful_sources", "average_cache_time", "average_process_time")
    return {"at": datetime.fromtimestamp(one["ts"] / 1000, UTC), **{name: one[name] for name in same}}


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _spread(name: str, values: Sequence[float]) -> dict[str, Any]:
    """How these are distributed: the least, the quarters and the largest."""
    if not values:
        return {"measure": name, "count": 0, "least": None, "quarters": [None, None, None], "most": None}
    quarters = numbers.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {
        "measure": name,
        "count": len(values),
        "least": min(values),
        "quarters": [round(one, 3) for one in quarters],
        "most": max(values),
    }


def _turned(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "count": changes.get("count", 0),
        "by_host": changes.get("by_host") or {},
        "by_problem": changes.get("by_problem") or {},
        "data_sources": (changes.get("data_sources") or [])[:MOST],
    }


def _beside(data: Mapping[str, Any], by: str) -> list[dict[str, Any]]:
    """What was lost and what recovered, for each publisher or cause; most lost first."""
    lost, recovered = data["lost"][by], data["recovered"][by]
    every = sorted({*lost, *recovered}, key=lambda one: (-lost.get(one, 0), -recovered.get(one, 0), one))
    return [{"name": one, "lost": lost.get(one, 0), "recovered": recovered.get(one, 0)} for one in every[:MOST]]


def _lost(row: Sequence[Any]) -> dict[str, Any]:
    source, most, last = row
    return {
        "source": str(source).removesuffix(".json"),
        "most": most,
        "last_good": datetime.fromtimestamp(float(last), UTC),
    }


def _ends(series: Sequence[Mapping[str, Any]], name: str) -> tuple[Any, Any]:
    """The first and the last."""
    return (series[0][name], series[-1][name]) if series else (None, None)


OF_TURNED = "count, by_host, by_problem, and data_sources one by one (the first hundred): key, host, problem"
ENDPOINTS = (
    Endpoint(
        "/statistics/",
        "Statistics",
        "Sets over time, how long sources take, and what was lost and recovered, by publisher and by cause.",
        statistics,
        template="statistics.html",
        twins={"json": json_form()},
        parameters=(
            Parameter("sort", "the order of the sets", allowed=tuple(SORTS), default="date"),
            Parameter("order", ORDER.doc, allowed=ORDER.allowed, default="down"),
            Parameter("per", "sets in one part", Kind.INTEGER, default=PER, least=1, most=520),
            PAGE,
        ),
        result=(
            Field("at", Kind.MOMENT, "when they were made; null: none have been made yet"),
            Field("addresses", Kind.INTEGER, "published addresses then"),
            Field("sources", Kind.INTEGER, "source files then"),
            Field("processed", Kind.INTEGER, "of these, those with a result"),
            Field("layers", Kind.ARRAY, "by layer"),
            Field("layer", Kind.STRING, "addresses, buildings, parcels or centerlines", "layers"),
            Field("rows", Kind.INTEGER, "published rows", "layers"),
            Field("data_sources", Kind.INTEGER, "there are", "layers"),
            Field("processed", Kind.INTEGER, "of these, those with a result", "layers"),
            Field("timeseries", Kind.ARRAY, "complete sets, this part of them"),
            Field("at", Kind.MOMENT, "when the set began", "timeseries"),
            Field("addresses", Kind.INTEGER, "it brought", "timeseries"),
            Field("successful_sources", Kind.INTEGER, "that gave addresses", "timeseries"),
            Field("average_cache_time", Kind.NUMBER, "seconds of a download", "timeseries"),
            Field("average_process_time", Kind.NUMBER, "seconds of a conversion", "timeseries"),
            Field("spread", Kind.ARRAY, "how numbers of the last set are distributed"),
            Field("measure", Kind.STRING, ", ".join(MEASURES), "spread"),
            Field("count", Kind.INTEGER, "of sources", "spread"),
            Field("least", Kind.NUMBER, "the smallest", "spread"),
            Field("quarters", Kind.ARRAY, "a quarter is below the first, half below the second, a quarter above the "
                  "third", "spread"),
            Field("most", Kind.NUMBER, "the largest", "spread"),
            Field("problems", Kind.ARRAY, "why data sources have no result now"),
            Field("problem", Kind.STRING, "in words", "problems"),
            Field("data_sources", Kind.INTEGER, "that have it", "problems"),
            Field("sets", Kind.ARRAY, "the last two complete ones, which the following compares"),
            Field("lost", Kind.OBJECT, OF_TURNED),
            Field("recovered", Kind.OBJECT, OF_TURNED),
            Field("lost_sources", Kind.ARRAY, "those that once had addresses and have none in the last set"),
            Field("source", Kind.STRING, "its path", "lost_sources"),
            Field("most", Kind.INTEGER, "addresses it ever had", "lost_sources"),
            Field("last_good", Kind.MOMENT, "when it had them last", "lost_sources"),
            *OTHER_PARTS,
        ),
        fresh_seconds=30.0,
    ),
)  # fmt: skip
