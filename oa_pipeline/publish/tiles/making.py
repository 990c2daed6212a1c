"""Makes the tiles whose results have changed, and finds those that have nothing left."""

from __future__ import annotations

import itertools
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from ...ledger.builds import Tile
from ...ledger.reading import Row
from ..store import MissingObject, Store
from .archive import write_tile
from .cells import Cell, tile_key
from .contributions import Contribution, fingerprint, licence_file
from .rows import TILE_HEADER, BrokenCsv, rows_by_cell
from .spill import Spill

# What a result's zip may be without the whole index being in danger. A store that cannot be reached is another matter.
BROKEN = (MissingObject, BadZipFile, BrokenCsv, KeyError, EOFError, zlib.error, NotImplementedError)
Say = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """What has to be published: tiles that are new or other than before, and cells that no longer have one."""

    tiles: Sequence[Tile]
    removed: Collection[Cell]
    broken: Sequence[tuple[str, str]]  # key and reason of sources whose zip could not be read
    read: int  # results that were read


@dataclass(frozen=True, slots=True)
class Known:
    """The tiles that are current: whose results each holds."""

    fingerprints: Mapping[Cell, str]
    keys: Mapping[Cell, frozenset[str]]
    identities: frozenset[tuple[str, str]]  # data source and its result, as they are in some tile
    cells: Mapping[str, frozenset[Cell]] = field(default_factory=dict)  # by data source

    @classmethod
    def of(cls, tiles: Sequence[Row], identities: Mapping[int, tuple[str, str]]) -> Known:
        """From the ledger's rows, and what the runs that they name are."""
        keys: dict[Cell, frozenset[str]] = {}
        cells: dict[str, set[Cell]] = defaultdict(set)
        for tile in tiles:
            cell = (tile["lon"], tile["lat"])
            keys[cell] = frozenset(identities[run][0] for run in tile["run_ids"])
            for key in keys[cell]:
                cells[key].add(cell)
        return cls(
            {(tile["lon"], tile["lat"]): tile["fingerprint"] for tile in tiles},
            keys,
            frozenset(identities[run] for tile in tiles for run in tile["run_ids"]),
            {key: frozenset(found) for key, found in cells.items()},
        )


class Making:
    """One build of the tiles."""

    def __init__(self, store: Store, folder: Path, parts: Sequence[Contribution], known: Known, say: Say) -> None:
        """`parts` are all that add something, ordered by key. Files go into `folder`; `say` is told how far it is."""
        self._store, self._folder, self._known, self._say = store, folder, known, say
        self._parts = {part.key: part for part in parts}
        self._marks = {part.key: part.mark for part in parts}
        self._new = {part.key for part in parts if (part.key, part.identity) not in known.identities}
        self._taken: dict[str, set[Cell]] = {}  # the cells for which a source was read
        self._broken: list[tuple[str, str]] = []
        self._spill = Spill(folder)
        self._changed = self._outdated()

    def make(self, build: int) -> Made:
        """Reads what is needed, and stores the tiles under the build's number."""
        while todo := self._todo():
            # To leave a broken source out of all of its tiles may need others to be read again: once more.
            for done, (key, wanted) in enumerate(todo):
                self._say(done, len(todo))
                self._read(self._parts[key], wanted)
            self._changed |= self._outdated()
        tiles = [self._tile(build, cell) for cell in sorted(self._changed) if self._spill.keys(cell)]
        removed = self._changed - {(tile.lon, tile.lat) for tile in tiles}
        return Made(tiles, removed & self._known.keys.keys(), self._broken, len(self._taken))

    def _outdated(self) -> set[Cell]:
        """The current tiles that are not what they would be if they were made now."""
        known = self._known
        return {cell for cell, mark in known.fingerprints.items() if fingerprint(self._marks, known.keys[cell]) != mark}

    def _todo(self) -> Sequence[tuple[str, set[Cell] | None]]:
        """Which sources have to be read for which cells; None: for all that they are in."""
        fresh = sorted(self._new - self._taken.keys())
        if fresh:  # what they change must be known before the others are read for it
            return [(key, None) for key in fresh]
        wanted = {
            key: set(cells & self._changed) - self._taken.get(key, set())
            for key, cells in self._known.cells.items()
            if key in self._parts and key not in self._new
        }
        return sorted((key, cells) for key, cells in wanted.items() if cells)

    def _read(self, part: Contribution, wanted: set[Cell] | None) -> None:
        try:
            with self._store.open(part.zip_key) as held, ZipFile(held) as archive:
                name = f"{_base(archive)}.csv"
                with archive.open(name) as csv:
                    for rows in rows_by_cell(csv, part.label, wanted):
                        self._spill.add(rows.cell, rows.count, rows.text)
        except BROKEN as error:
            self._leave_out(part, str(error))
            return
        cells = self._spill.keep(part.key)
        self._taken[part.key] = self._taken.get(part.key, set()) | (cells if wanted is None else wanted)
        if wanted is None:
            self._changed |= cells

    def _leave_out(self, part: Contribution, reason: str) -> None:
        self._spill.drop()
        self._spill.forget(part.key)
        self._broken.append((part.key, f"{part.zip_key}: {reason}"))
        del self._parts[part.key], self._marks[part.key]
        self._new.discard(part.key)

    def _tile(self, build: int, cell: Cell) -> Tile:
        keys = self._spill.keys(cell)
        parts = [self._parts[key] for key in keys]
        text = itertools.chain([TILE_HEADER], self._spill.text(cell))
        stored = write_tile(self._store, tile_key(build, cell), text, licence_file(parts), self._folder / "spool")
        tile = Tile(
            *cell,
            key=stored.key,
            size=stored.size,
            sha256=stored.sha256,
            rows=self._spill.rows(cell),
            fingerprint=fingerprint(self._marks, keys),
            run_ids=[part.run for part in parts],
        )
        self._spill.remove(cell)
        return tile


def _base(archive: ZipFile) -> str:
    """The name of the source's csv without its ending: the summary beside it is a csv, too."""
    names = [name for name in archive.namelist() if name.endswith(".csv") and not name.startswith("summary/")]
    if len(names) != 1:
        raise BrokenCsv(f"it has {len(names)} csv files instead of one")
    return names[0].removesuffix(".csv")
