"""When a source has failed although its rows could be read, and what that most likely means."""

from __future__ import annotations

from collections.abc import Mapping

from ..counters import Counters
from ..errors import ConvertError, Problem

MOST = 0.5

# Cause of a dropped row: what is likely wrong, and what its author can do.
_CAUSES: Mapping[str, tuple[str, str]] = {
    "bad-coordinates": (
        "the columns named by `lat` and `lon` do not hold plain numbers",
        "name the columns that hold decimal coordinates, and their system in `srs`",
    ),
    "out-of-projection": (
        "the coordinates lie outside the coordinate system",
        "check `srs`, and that `lon` is the easting and `lat` the northing",
    ),
    "too-many-cells": (
        "rows have more cells than the header",
        "check `csvsplit`, and `headers` if the first line is no header",
    ),
    "bad-geometry": ("the geometries cannot be read", "look at the file: it may be damaged at the publisher's"),
    "not-a-feature": (
        "they are no features",
        "look at what the address gives: an error of the server, or JSON of another kind",
    ),
    "not-json": ("they are not JSON", "look at what the address gives: it may be damaged, or of another format"),
    "too-many-vertices": ("the geometries are far too detailed", "look for a layer with one geometry a feature"),
}
_UNKNOWN = ("the rows cannot be read", "look at the file: it may be damaged at the publisher's")


def no_features(counters: Counters) -> ConvertError:
    """The error of a source of which no row is left."""
    dropped = counters.under("rows/dropped")
    if not counters["rows/read"]:
        detail, cure = "the file holds no rows", "check `file` and `layer`, and whether the publisher still fills it"
    elif set(dropped) == {"no-geometry"}:
        detail, cure = "no feature has a geometry", "look for a layer with geometry, or name `lat` and `lon` columns"
    else:
        worst = max(dropped, key=lambda cause: dropped[cause], default="")
        likely, cure = _CAUSES.get(worst, _UNKNOWN)
        detail = f"every row was dropped ({_listed(dropped)}): {likely}"
    return ConvertError(detail, cure=cure, problem=Problem.NO_FEATURES)


def refuse_mostly_bad(counters: Counters) -> None:
    """Raises ConvertError when more than half of the rows could not be used.

    Features that simply have no geometry do not count: many publishers list them.
    """
    dropped = {cause: n for cause, n in counters.under("rows/dropped").items() if cause != "no-geometry"}
    lost, read = sum(dropped.values()), counters["rows/read"]
    if not read or lost <= MOST * read:
        return
    worst = max(dropped, key=lambda cause: dropped[cause])
    likely, cure = _CAUSES.get(worst, _UNKNOWN)
    raise ConvertError(f"{lost:,} of {read:,} rows cannot be used ({_listed(dropped)}): {likely}", cure=cure)


def advice(counters: Counters, rows: int, *, alike: bool = False) -> tuple[str, ...]:
    """Warnings about rows that were kept but cannot be used. `alike`: no row differs from another."""
    kept = counters.under("rows/kept")
    if rows and sum(kept.values()) > MOST * rows:
        worst = max(kept, key=lambda cause: kept[cause])
        return (f"{kept[worst]:,} of {rows:,} rows {_KEPT[worst]}",)
    if alike and rows > 1:
        return (f"all {rows:,} rows are the same: see whether the conform names the columns that differ",)
    return ()


_KEPT: Mapping[str, str] = {
    "no-geometry": "have no geometry: check `lat` and `lon`",
    "zero-zero": "lie at 0/0: the publisher has not placed them",
    "out-of-range": "lie off the earth: is `srs` missing, or are `lat` and `lon` swapped?",
}


def _listed(causes: Mapping[str, int]) -> str:
    return ", ".join(f"{cause.replace('-', ' ')} {count:,}" for cause, count in sorted(causes.items()))
