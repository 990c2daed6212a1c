"""Keeps Dagster's partitions, and the ledger's data sources, equal to the source repository."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from ..assets.source import PARTITIONS
from ..errors import OAError
from ..ledger import partitions
from ..orchestration.workplace import Workplace
from ..sources.changes import Changes, changes
from ..sources.repository import Repository, read_repository

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ..settings import Settings

PARTITION_TAG = "dagster/partition"
MOST_REMOVALS = 200  # a tick: each is a call of its own
IN_PROGRESS = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
Busy = Callable[[Collection[str]], Collection[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one look at the repository leads to."""

    add: tuple[str, ...]
    remove: tuple[str, ...]
    postponed: tuple[str, ...]  # to be removed at a later look: too many at once, or in use
    moved: Changes  # by the ledger's last state

    @property
    def complete(self) -> bool:
        """Whether nothing is left for the next look."""
        return not self.postponed

    def __str__(self) -> str:
        """One line for the tick."""
        counts = {
            "added": len(self.add),
            "removed": len(self.remove),
            "put off": len(self.postponed),
            "renamed": len(self.moved.renamed),
            "changed": len(self.moved.changed),
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "up to date"


class NotRead(OAError):  # noqa: N818 - a state of the repository
    """The repository could not be read as a whole; that is not an empty repository."""


def plan(
    wanted: Mapping[str, str],
    known: Mapping[str, str],
    present: Collection[str],
    busy: Busy,
    *,
    unreadable: Collection[str] = (),
    most_removals: int = MOST_REMOVALS,
) -> Plan:
    """What makes `present`, the partitions, equal to `wanted`, the repository's digests by key.

    `known` are the digests the ledger had. `busy` tells which of some keys have runs that have not ended. Data sources
    of the files in `unreadable` stay as they are: a file that is broken today has not been removed.
    """
    if not wanted and (known or present):
        raise NotRead("the source repository has no data sources at all", cure="see what OA_SOURCES names")
    gone = sorted(key for key in set(present) - wanted.keys() if not _below(key, unreadable))
    block = gone[:most_removals]
    held = set(busy(block)) if block else set()
    kept = {key: digest for key, digest in known.items() if key not in wanted and _below(key, unreadable)}
    return Plan(
        add=tuple(sorted(wanted.keys() - set(present))),
        remove=tuple(key for key in block if key not in held),
        postponed=tuple(sorted(held.union(gone[most_removals:]))),
        moved=changes(known, {**wanted, **kept}),
    )


def _below(key: str, paths: Collection[str]) -> bool:
    return key.rsplit("/", 2)[0] in paths


def in_use(instance: DagsterInstance) -> Busy:
    """Which of some partitions have runs in the queue or in progress, asked of Dagster in one query."""

    def busy(keys: Collection[str]) -> set[str]:
        found = instance.get_run_records(RunsFilter(statuses=IN_PROGRESS, tags={PARTITION_TAG: list(keys)}))
        return {record.dagster_run.tags[PARTITION_TAG] for record in found}

    return busy


def apply(instance: DagsterInstance, engine: Engine, repository: Repository, *, now: datetime | None = None) -> Plan:
    """Brings ledger and partitions up to the repository: additions in one call, removals one by one."""
    moment = now or datetime.now(UTC)
    known = partitions.known(engine)
    wanted = repository.digests()
    unreadable = {_source(invalid.path) for invalid in repository.invalid}
    done = plan(wanted, known, instance.get_dynamic_partitions(PARTITIONS), in_use(instance), unreadable=unreadable)
    # The ledger first: a partition that it does not know could not run.
    changed = {*done.moved.added, *done.moved.changed, *(new for _, new in done.moved.renamed)}
    commit = repository.commit or ""
    blobs = {one.path: one.blob_sha for one in repository.sources}
    sources = [repository.by_key[key] for key in sorted(changed)]
    rows = [partitions.Declared.of(one, blob_sha=blobs.get(one.source, ""), commit_sha=commit) for one in sources]
    partitions.record(engine, rows, now=moment)
    partitions.record_renames(engine, dict(done.moved.renamed), commit_sha=commit, now=moment)
    partitions.mark_removed(engine, [*done.moved.removed, *(old for old, _ in done.moved.renamed)], now=moment)
    if done.add:
        instance.add_dynamic_partitions(PARTITIONS, list(done.add))
    for key in done.remove:
        instance.delete_dynamic_partition(PARTITIONS, key)
    return done


def _source(path: str) -> str:
    return path.removeprefix("sources/").removesuffix(".json")


def fingerprint(location: str | Path) -> str:
    """A text that is the same for as long as the repository at `location` is: sizes and times of its files.

    Costs a look at each file's entry and reads none. Raises NotRead where there is nothing.
    """
    place = Path(location)
    if not place.exists():
        raise NotRead("there is no source repository", place=str(location), cure="see what OA_SOURCES names")
    digest = hashlib.sha256(str(place.resolve()).encode())
    try:
        for path in _entries(place):
            state = path.stat()
            digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ino}\n".encode())
    except OSError as error:
        raise NotRead(f"the source repository changed while it was read: {error}", place=str(location)) from error
    return digest.hexdigest()


def _entries(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    inner = place / "sources"
    heads = [path for path in (place / ".git/HEAD", place / ".git/packed-refs") if path.is_file()]
    return heads + sorted((inner if inner.is_dir() else place).rglob("*.json"))


def location(workplace: Workplace) -> str:
    """Where the repository is on this machine: what OA_SOURCES names, downloaded if need be, or the samples."""
    return str(sources_of(workplace.settings))


def sources_of(settings: Settings) -> Path:
    """See `location`. Raises OAError where GitHub has it and cannot be asked."""
    from ..github.tarball import newest, place_of
    from ..samples import install

    place = place_of(settings.sources)
    if place is not None:
        return newest(settings, place)
    return Path(settings.sources) if settings.sources else install(settings.home)


def sync(workplace: Workplace, instance: DagsterInstance) -> Plan:
    """One look at the repository and all that follows: what `oa sources sync` does. Raises OAError."""
    return apply(instance, workplace.ledger(), read_repository(location(workplace)))
