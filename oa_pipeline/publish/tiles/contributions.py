"""What each data source adds to the tiles, and when a tile is what it would be if it were made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...ledger.reading import Row
from ...ledger.results import identity, owner
from ...sources.keys import member_name
from ...sources.licence import terms
from ...sources.model import Licence

FORM = 1  # of the zips; another number makes all tiles again


@dataclass(frozen=True, slots=True)
class Contribution:
    """One data source's result. `label` names it in the tiles, `mark` changes when what it adds to a tile does."""

    key: str
    label: str
    run: int
    identity: str
    mark: str
    zip_key: str
    licence: str


def contributions(runs: Sequence[Row]) -> tuple[list[Contribution], list[tuple[str, str]]]:
    """What the runs to date of the addresses add, ordered by key; and which add nothing, with the reason.

    Share-alike data is left out without a word: it is in no tile by rule.
    """
    found: list[Contribution] = []
    left_out: list[tuple[str, str]] = []
    for run in sorted(runs, key=lambda run: run["key"]):
        if run["share_alike"]:
            continue
        csv = run["outputs"].get("csv")
        if csv is None:
            left_out.append((run["key"], f"run {run['id']} has no csv"))
            continue
        found.append(_contribution(run, csv["key"]))
    return found, left_out


def _contribution(run: Row, zip_key: str) -> Contribution:
    label = run["source"] if run["first"] else member_name(run["source"], run["name"])
    licence = terms(
        label,
        run["website"],
        Licence(run["licence"], run["attribution_required"], run["attribution_name"], run["share_alike"]),
    )
    mark = _digest([label, identity(run), licence])
    return Contribution(run["key"], label, owner(run), identity(run), mark, zip_key, licence)


def fingerprint(marks: Mapping[str, str], keys: Collection[str]) -> str:
    """Equal for tiles of the same results: those of these keys that still have a mark."""
    return _digest([FORM, sorted((key, marks[key]) for key in keys if key in marks)])


def fingerprint_of_all(parts: Sequence[Contribution], left_out: Sequence[tuple[str, str]]) -> str:
    """Equal for whole indexes of the same results."""
    return _digest([FORM, [(part.key, part.mark) for part in parts], [key for key, _ in left_out]])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]


def licence_file(parts: Sequence[Contribution]) -> bytes:
    """The licences of these data sources."""
    heading = "Data collected by OpenAddresses. Each source has a licence of its own.\n"
    return "\n".join([heading, *(part.licence for part in parts)]).encode()
