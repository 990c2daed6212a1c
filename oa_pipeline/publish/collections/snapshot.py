"""What is collected: the results of one moment, each with its place in the files that are made of them."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from ...sources.keys import member_name
from ...sources.model import Layer, Licence
from ..store import StoredObject
from .regions import areas_of

ZIP, PARQUET = "csv", "parquet"  # kinds of a run's outputs


@dataclass(frozen=True, slots=True)
class Collected:
    """One data source's latest result. `base` is its members' name in a zip, without `.csv`."""

    key: str
    source: str
    layer: str
    name: str
    run: int
    original: int  # the run that made the objects
    licence: Licence
    website: str
    commit: str
    base: str
    outputs: Mapping[str, StoredObject]

    @property
    def suffix(self) -> str:
        """The licence of the files that it goes into: `sa` where its own requires to share alike."""
        return "sa" if self.licence.share_alike else ""

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas of the files that it goes into."""
        return areas_of(self.source)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A result that could not be collected."""

    key: str
    run: int
    kind: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return {"key": self.key, "run": self.run, "form": "zip" if self.kind == ZIP else self.kind, "why": self.why}


@dataclass(frozen=True)
class Snapshot:
    """Results of one moment, in the order of their keys. `repository` is owner/name on GitHub, or empty."""

    taken_at: datetime
    sources: tuple[Collected, ...]
    repository: str = ""
    commit: str = ""
    code_version: str = ""
    left_out: tuple[LeftOut, ...] = field(default=())

    def having(self, kind: str, layer: str | None = None) -> list[Collected]:
        """Those with an output of this kind; of one layer only where it is named."""
        return [s for s in self.sources if kind in s.outputs and layer in (None, s.layer)]

    @cached_property
    def fingerprint(self) -> str:
        """Equal where collections would be: of results with the same bytes, under the same licences, by this code."""
        facts = [[self.code_version]] + [
            [s.key, s.base, s.website, *_licence(s.licence), *sorted((k, o.sha256) for k, o in s.outputs.items())]
            for s in self.sources
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def taken(
    rows: Sequence[Mapping[str, Any]], *, taken_at: datetime, repository: str = "", commit: str = "", code: str = ""
) -> Snapshot:
    """A snapshot of the ledger's runs to date, which have `first` beside the columns of a run."""
    bases = _bases(rows)
    found = tuple(_collected(row, bases[row["key"]]) for row in sorted(rows, key=lambda row: str(row["key"])))
    return Snapshot(taken_at, found, repository, commit, code)


def _collected(row: Mapping[str, Any], base: str) -> Collected:
    wanted = (ZIP, PARQUET) if row["layer"] == Layer.ADDRESSES else (PARQUET,)
    return Collected(
        key=row["key"],
        source=row["source"],
        layer=row["layer"],
        name=row["name"],
        run=row["id"],
        original=row["copy_of"] or row["id"],
        licence=Licence(row["licence"], row["attribution_required"], row["attribution_name"], row["share_alike"]),
        website=row["website"],
        commit=row["commit_sha"],
        base=base,
        outputs={kind: StoredObject(**row["outputs"][kind]) for kind in wanted if kind in row["outputs"]},
    )


def _bases(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What each data source's members are called: names that are different on every file system."""
    taken: set[str] = set()
    found: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: (not row["first"], row["key"])):
        base = wanted = row["source"] if row["first"] else member_name(row["source"], row["name"])
        number = 1
        while _same_everywhere(base) in taken:
            number += 1
            base = f"{wanted}-{number}"
        taken.add(_same_everywhere(base))
        found[row["key"]] = base
    return found


def _same_everywhere(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _licence(licence: Licence) -> list[Any]:
    return [licence.text, licence.attribution_required, licence.attribution_name, licence.share_alike]
