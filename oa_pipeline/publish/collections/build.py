"""All regional files of one snapshot: the zips in one pass over the results, then GeoParquet by layer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import PublishError
from ..store import Store
from .directory import Directory, directories
from .geoparquet import write_geoparquet
from .snapshot import PARQUET, ZIP, Collected, LeftOut, Snapshot
from .zips import Damaged, Made, write_zips

Say = Callable[[str], None]
FEW = 0.01  # of the results of a kind may be left out, but always one
NOTICE_SECONDS = 30.0
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Built:
    """What was made, what was left out, and how long it took."""

    made: tuple[Made, ...]
    left_out: tuple[LeftOut, ...]
    bytes_read: int
    zip_seconds: float
    seconds: float


def build(store: Store, prefix: str, snapshot: Snapshot, folder: Path, *, say: Say) -> Built:
    """Writes all files below `prefix`. Raises PublishError where more than a few results cannot be read.

    `folder`, empty and on a disk, is for GeoParquet's rows that do not fit into memory.
    """
    began = time.monotonic()
    made, snapshot = _zips(store, prefix, snapshot, say)
    zipped = time.monotonic()
    results = snapshot.having(PARQUET)
    say(f"zips: {len(made)} made in {zipped - began:.0f} s; GeoParquet of {len(results):,} results")
    progress = _Progress("GeoParquet", results, PARQUET, say)
    parquets, unread = write_geoparquet(store, prefix, snapshot, folder, progress.of)
    left_out = (*snapshot.left_out, *unread)
    _check(len(unread), len(results), unread)
    return Built(
        made=(*made, *parquets),
        left_out=left_out,
        bytes_read=sum(s.outputs[ZIP].size for s in snapshot.having(ZIP)),
        zip_seconds=zipped - began,
        seconds=time.monotonic() - began,
    )


def _zips(store: Store, prefix: str, snapshot: Snapshot, say: Say) -> tuple[list[Made], Snapshot]:
    """The zips, and the snapshot with what they had to leave out."""
    sources = snapshot.having(ZIP)
    say(f"looking at {len(sources):,} results")
    found, left_out = directories(store, sources)
    while True:
        _check(len(left_out), len(sources), left_out)
        told = replace(snapshot, left_out=tuple(left_out))
        progress = _Progress("zips", [each.source for each in found], ZIP, say)
        try:
            return write_zips(store, prefix, told, found, progress.of), told
        except Damaged as damaged:
            # Its bytes are in zips that will not be: the others begin anew without it.
            say(f"{damaged.source.key} is left out: {damaged}; beginning again without it")
            left_out = [*left_out, LeftOut(damaged.source.key, damaged.source.run, ZIP, str(damaged))]
            found = _without(found, damaged.source)


def _without(found: list[Directory], source: Collected) -> list[Directory]:
    return [each for each in found if each.source is not source]


def _check(count: int, of: int, left_out: list[LeftOut]) -> None:
    if count > max(1, FEW * of):
        shown = "; ".join(f"{left.key} (run {left.run}): {left.why}" for left in left_out[:5])
        raise PublishError(
            f"{count:,} of {of:,} results cannot be collected: {shown}",
            cure="see whether the store holds what it should; what was published before stays",
        )


class _Progress:
    """Says now and then how far the reading of results has come."""

    def __init__(self, what: str, sources: list[Collected], kind: str, say: Say) -> None:
        self._what, self._say = what, say
        self._of, self._bytes = len(sources), sum(source.outputs[kind].size for source in sources)
        self._done = self._read = 0
        self._began = self._said = time.monotonic()

    def of(self, source: Collected, size: int) -> None:
        """One more result was read, of so many bytes."""
        self._done += 1
        self._read += size
        now = time.monotonic()
        if now - self._said < NOTICE_SECONDS:
            return
        self._said = now
        spent = now - self._began
        left = spent * (self._bytes - self._read) / max(1, self._read)
        self._say(
            f"{self._what}: {self._done:,} of {self._of:,} results, {self._read / MIB:,.0f} of"
            f" {self._bytes / MIB:,.0f} MiB, {self._read / MIB / spent:.0f} MiB/s, {left / 60:.0f} minutes left;"
            f" now after {source.key}"
        )
