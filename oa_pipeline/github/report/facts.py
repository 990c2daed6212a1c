"""What a report tells of a data source besides what its job's rows hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...sources.model import Licence

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The first rows of a table, or why they cannot be shown (`trouble`); neither where there are none."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """A data source as it is proposed, and as the default branch has it."""

    before: Row | None = None  # the run that the public is sent to
    attributes: tuple[str, ...] = ()
    mapped: frozenset[str] = frozenset()  # the attributes that the conform gives
    reads: frozenset[str] = frozenset()  # the columns that it reads
    licence: Licence | None = None  # None: what is proposed cannot be read
    publisher: Glimpse = field(default_factory=Glimpse)
    published: Glimpse = field(default_factory=Glimpse)
    links: tuple[tuple[str, str], ...] = ()  # label and address
    held: tuple[str, ...] = ()  # why the result would be held after a merge
    preview: str = ""  # the address of a picture of the map


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the report's links lead. `page`: the job's; `web`: the repository on GitHub, as people visit it."""

    page: str
    web: str
