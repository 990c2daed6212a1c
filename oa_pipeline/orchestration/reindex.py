"""After the ledger was restored from a backup: what it forgot is entered again, from what lies in the store.

A run's index.json is stored last, so that a run which has one is whole; it tells what the ledger knew, but not what the
gate decided. That is decided again, run by run in the order of their numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Problem
from ..ledger import ends
from ..ledger import reindex as ledger
from ..ledger.gate import held_against
from ..ledger.runs import CacheFacts, Ending
from ..ledger.tables import RunStatus
from ..process.index_reader import LARGEST, Index, IndexedFile, NotAnIndex, read_index
from ..publish.results import LAST, NAMES, object_key
from ..publish.store import Listed, Store, StoredObject, content_type
from . import gate
from .endings import STATUSES, data_version, sampled
from .proposals import limited

if TYPE_CHECKING:
    import sqlalchemy as sa

    from .workplace import Workplace

NUMBERED = {"runs": "runs", "pr": "runs", "sets": "sets"}  # what a folder's name counts; every other one builds
DIGITS = 18  # of a number that the ledger can have given
BLOCK = 1000  # numbers that the ledger is asked about at once
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Stored:
    """The objects of one run, by key."""

    prefix: str
    number: int
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Entered:
    """A run that is in the ledger again. `latest`: the public is sent to it."""

    number: int
    key: str
    status: str
    why: str = ""
    latest: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Objects that are not, and why. `lost`: nobody can do anything about it, and nobody misses it."""

    prefix: str
    objects: int
    why: str
    lost: bool = False


@dataclass(slots=True)
class Report:
    """What was found and done. Of a dry run `entered` is what would be, before the gate has judged it."""

    known: int = 0
    entered: list[Entered] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    highest: dict[str, int] = field(default_factory=dict)


def reindex(workplace: Workplace, *, dry_run: bool = False, on_progress: Progress | None = None) -> Report:
    """Enters every whole run of the store that the ledger does not know. Repeating it changes nothing.

    Numbers go on after the highest that the store has, pointers move to the newest good runs, and a run that the gate
    held, or would hold, is held. Nothing in the store changes.
    """
    engine, store = workplace.ledger(), workplace.store()
    tell = on_progress or (lambda *_: None)
    report = Report()
    found = [
        (stored, index) for stored in _forgotten(engine, store, report, tell) if (index := _read(store, stored, report))
    ]
    sets = [index.run.set_id for _, index in found if index.run.set_id is not None]
    report.highest["sets"] = max([report.highest.get("sets", 0), *sets])
    if not dry_run:
        # First of all: a run that begins meanwhile must not get the number of one that is entered.
        ledger.go_on_after(engine, report.highest)
    found = _of_known_sources(engine, found, report)
    found.sort(key=lambda pair: pair[0].number)
    for count, (stored, index) in enumerate(found, 1):
        tell("runs", count, len(found))
        if dry_run:
            report.entered.append(Entered(stored.number, index.run.partition, str(_status(index)), index.problem or ""))
        else:
            _enter(workplace, engine, store, stored, index, report)
    if not dry_run:
        report.entered = [replace(one, latest=ledger.is_latest(engine, one.number)) for one in report.entered]
    return report


def _forgotten(engine: sa.Engine, store: Store, report: Report, tell: Progress) -> Iterator[Stored]:
    """The runs in the store that the ledger does not know."""
    runs = _runs(store.list(), report, tell)
    while block := list(islice(runs, BLOCK)):
        unknown = ledger.unknown_runs(engine, {stored.number for stored in block})
        report.known += len(block) - len(unknown)
        yield from (stored for stored in block if stored.number in unknown)


def _runs(objects: Iterable[Listed], report: Report, tell: Progress) -> Iterator[Stored]:
    """The store's objects by run, noting the highest number of runs and of builds."""
    seen = 0
    for (first, second), group in groupby(objects, lambda found: _head(found.key)):
        sizes = {found.key: found.size for found in group}
        seen += len(sizes)
        tell("store", seen, None)
        if not (second.isascii() and second.isdecimal() and len(second) <= DIGITS):
            continue
        number = int(second)
        what = NUMBERED.get(first, "builds")
        report.highest[what] = max(report.highest.get(what, 0), number)
        if what == "runs":
            yield Stored(f"{first}/{second}/", number, sizes)


def _of_known_sources(
    engine: sa.Engine, found: Sequence[tuple[Stored, Index]], report: Report
) -> list[tuple[Stored, Index]]:
    """Those whose data source the ledger knows; the others are left out."""
    unknown = ledger.unknown_sources(engine, {index.run.partition for _, index in found})
    for stored, index in found:
        if index.run.partition in unknown:
            report.left_out.append(_of_nobody(stored, index.run.partition))
    return [(stored, index) for stored, index in found if index.run.partition not in unknown]


def _of_nobody(stored: Stored, key: str) -> LeftOut:
    lost = stored.prefix.startswith("pr/")
    why = (
        f"the ledger does not know what the pull request proposed as {key!r}; while it is open, it is checked again"
        if lost
        else f"the ledger has no data source {key!r}: `oa sources sync` enters those of the source repository"
    )
    return LeftOut(stored.prefix, len(stored.sizes), why, lost)


def _head(key: str) -> tuple[str, str]:
    first, _, rest = key.partition("/")
    second, slash, _ = rest.partition("/")
    return first, second if slash else ""


def _read(store: Store, stored: Stored, report: Report) -> Index | None:
    """The run's index; None, and it is left out, where there is none or something that it names is missing."""
    key = f"{stored.prefix}{NAMES[LAST]}"

    def left_out(why: str, *, lost: bool = False) -> None:
        report.left_out.append(LeftOut(stored.prefix, len(stored.sizes), why, lost))

    if key not in stored.sizes:
        left_out("it has no index.json: the run had not come to its end", lost=True)
        return None
    try:
        with store.open(key) as held:
            index = read_index(held.read(LARGEST))
    except NotAnIndex as error:
        left_out(f"its index.json cannot be used: {error}")
        return None
    if index.run.number != stored.number:
        left_out(f"its index.json is of run {index.run.number}")
        return None
    for kind, file in _files(index).items():
        place = object_key(stored.prefix, index.source, kind, Path(file.name))
        if stored.sizes.get(place) != file.size:
            left_out(f"its {kind} is missing or cut off")
            return None
    return index


def _files(index: Index) -> dict[str, IndexedFile]:
    return {**({"cache": index.cache.file} if index.cache else {}), **index.outputs}


def _enter(workplace: Workplace, engine: sa.Engine, store: Store, stored: Stored, index: Index, report: Report) -> None:
    run = index.run
    ending = _ending(store, stored, index)
    settings = workplace.settings if stored.prefix.startswith("runs/") else limited(workplace.settings)
    ending = replace(ending, sampled=sampled(ending.counters, settings.convert_rows))
    if ending.status is RunStatus.SUCCEEDED and stored.prefix.startswith("runs/"):
        last = ends.good_run_before(engine, run.partition, stored.number)
        earlier = held_against(engine, run.partition, last["id"]) if last is not None else []
        decision = gate.decide(
            gate.facts_of_ending(ending, index.digest, run.code_version),
            ending.ended_at,
            last,
            [row for row in earlier if row["id"] < stored.number],
            gate.limits_of(workplace.settings),
            forced=run.forced,
        )
        ending = gate.applied(decision, ending)
    former = ledger.Former(
        stored.number,
        run.partition,
        index.digest,
        run.code_version,
        run.blob_sha,
        run.commit_sha,
        run.dagster_run_id,
        run.attempt,
        run.set_id,
        run.job_id,
        index.started,
    )
    if not ledger.enter(engine, former, ending):
        report.left_out.append(_of_nobody(stored, run.partition))
        return
    why = "; ".join(ending.held_because) or ending.problem or ""
    report.entered.append(Entered(stored.number, run.partition, str(ending.status), why))


def _status(index: Index) -> RunStatus:
    try:
        problem = Problem(index.problem) if index.problem is not None else None
    except ValueError:
        return RunStatus.FAILED
    return STATUSES.get(problem, RunStatus.FAILED)


def _ending(store: Store, stored: Stored, index: Index) -> Ending:
    good = index.problem is None
    return Ending(
        status=_status(index),
        ended_at=index.ended,
        problem=index.problem,
        detail=index.detail.removesuffix(f" ({index.cure})"),
        cure=index.cure,
        warnings=index.warnings,
        tests_passed=index.tests_passed,
        cache=_cache(index),
        rows=index.rows if good else None,
        counters=dict(index.counters),
        content_hash=index.content_hash,
        data_version=data_version(index.layer, index.licence, index.content_hash) if good else "",
        outputs={kind: one.as_json() for kind, one in _outputs(store, stored, index)},
        prefix=stored.prefix,
        geometry_type=index.geometry_type,
        bounds=index.bounds,
        licence=index.licence,
        website=index.website,
        seconds=dict(index.seconds),
        cpu_seconds=index.cpu_seconds,
        peak_memory=index.peak_memory,
        walls=dict(index.walls),
    )


def _outputs(store: Store, stored: Stored, index: Index) -> Iterator[tuple[str, StoredObject]]:
    """What lies where: as index.json says, and what it cannot say of itself and of the log."""
    for kind, file in sorted(_files(index).items()):
        key = object_key(stored.prefix, index.source, kind, Path(file.name))
        yield kind, StoredObject(key, file.size, file.sha256, content_type(key), file.rows)
    for kind in ("log", LAST):
        key = f"{stored.prefix}{NAMES[kind]}"
        if key in stored.sizes:
            yield kind, StoredObject(key, stored.sizes[key], _sha256(store, key), content_type(key))


def _sha256(store: Store, key: str) -> str:
    digest = hashlib.sha256()
    with store.open(key) as held:
        while block := held.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()


def _cache(index: Index) -> CacheFacts | None:
    held = index.cache
    if held is None:
        return None
    validators: dict[str, Any] = dict(held.validators)
    return CacheFacts(held.file.sha256, held.md5, held.file.size, held.content_type, validators)
