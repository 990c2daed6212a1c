"""What each area's dotmap is made of, and when it is what it would be if it were made again."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...ledger.reading import Row
from ...ledger.results import identity
from ...maps.dotmap import tiling

OTHERS = "others"
_CODED = re.compile(r"([a-z]{2})(?:[./-]([a-z]{2})(?=$|[./-]))?(?=$|[./-])")
_BY_STATE = "us"


@dataclass(frozen=True, slots=True)
class Part:
    """One data source's result. `identity` is equal for results with the same rows."""

    key: str
    run: int
    identity: str
    object_key: str
    sha256: str
    rows: int


def area_of(source: str) -> str:
    """The country's code, and in the United States the state's: `us-ca` for us/ca/alameda, `fr` for fr/paris.

    What spans states is of `us`, and what names no country of `others`. Areas may overlap.
    """
    matched = _CODED.match(source)
    if matched is None:
        return OTHERS
    country, below = matched.groups()
    return f"{country}-{below}" if country == _BY_STATE and below else str(country)


def parts_by_area(runs: Sequence[Row]) -> tuple[dict[str, list[Part]], list[tuple[str, str]]]:
    """What the runs to date of the addresses add to each area, ordered by key; and what adds nothing, with the reason.

    Share-alike data is on the map as any other: a map of all there is, with the licences told beside it.
    """
    found: dict[str, list[Part]] = defaultdict(list)
    left_out: list[tuple[str, str]] = []
    for run in sorted(runs, key=lambda run: run["key"]):
        held = run["outputs"].get("parquet")
        if held is None:
            left_out.append((run["key"], f"run {run['id']} has no GeoParquet"))
            continue
        part = Part(run["key"], run["id"], identity(run), held["key"], held["sha256"], held.get("rows") or 0)
        found[area_of(run["source"])].append(part)
    return dict(sorted(found.items())), left_out


def fingerprint(parts: Sequence[Part], drawn_by: str) -> str:
    """Equal for areas of the same rows, drawn by the same program and by the same code: it is not made again."""
    return _digest([tiling.FORM, tiling.LOW, tiling.HIGH, drawn_by, [(part.key, part.identity) for part in parts]])


def fingerprint_of_all(areas: Mapping[str, Sequence[Part]], left_out: Sequence[tuple[str, str]], drawn_by: str) -> str:
    """Equal for whole maps of the same rows, drawn alike."""
    drawn = {area: fingerprint(parts, drawn_by) for area, parts in areas.items()}
    return _digest([drawn, [key for key, _ in left_out]])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]
