"""One area's archive: its results out of the store, through tippecanoe, and into the store."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...ledger.dotmap import Area
from ...maps.dotmap.lines import Unreadable, lines
from ...maps.dotmap.tiling import tiles_of
from ...maps.tippecanoe import version
from ..fetching import fetch
from ..store import MissingObject, Store
from .areas import Part, fingerprint

if TYPE_CHECKING:
    from ...convert.sandbox import Converter

CONTENT_TYPE = "application/vnd.pmtiles"
Say = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Workshop:
    """With what areas are made. `seconds`: how long tippecanoe may take for one of its two turns."""

    store: Store
    sandbox: Converter
    folder: Path
    seconds: float
    program: str = ""

    @property
    def drawn_by(self) -> str:
        """The program and its version. Raises MapError where it is missing or does not tell."""
        return version(self.program)


@dataclass(frozen=True, slots=True)
class MadeArea:
    """An area without the sources that could not be read. None: there is nothing to be seen.

    `same`: without these it is what is kept already, and was not made.
    """

    area: Area | None
    broken: Sequence[tuple[str, str]]
    cpu_seconds: float = 0.0
    same: bool = False


def make_area(
    shop: Workshop, name: str, parts: Sequence[Part], build: int, known: str = "", say: Say = lambda percent: None
) -> MadeArea:
    """Makes and stores the archive of these parts, unless `known` is its fingerprint.

    Raises MapError, and PublishError where the store fails.
    """
    folder = shop.folder / "area"
    folder.mkdir()
    try:
        held, broken = _fetched(shop.store, parts, folder)
        used = [part for part, _ in held]
        made_of = fingerprint(used, shop.drawn_by)
        if known == made_of:
            return MadeArea(None, broken, same=True)
        made = tiles_of(
            shop.sandbox, [path for _, path in held], folder, seconds=shop.seconds, program=shop.program, say=say
        )
        if made is None:
            return MadeArea(None, broken)
        key, sha256 = f"dotmap/{build}/areas/{name}.pmtiles", sha256_of(made.path)
        shop.store.put(key, made.path, content_type=CONTENT_TYPE, sha256=sha256)
        dropped = {str(zoom): count for zoom, count in made.dropped.items()}
        size = made.path.stat().st_size
        area = Area(name, key, size, sha256, made_of, len(used), made.rows, made.tiles, dropped)
        return MadeArea(area, broken, made.cpu_seconds)
    finally:
        shutil.rmtree(folder)


def sha256_of(path: Path) -> str:
    """The file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetched(
    store: Store, parts: Sequence[Part], folder: Path
) -> tuple[list[tuple[Part, Path]], list[tuple[str, str]]]:
    """The results as files, each looked through; and those that are not what was stored, with the reason."""
    found, broken = [], []
    for number, part in enumerate(parts):
        path = folder / f"{number}.parquet"
        try:
            if fetch(store, part.object_key, path) != part.sha256:
                raise Unreadable("its bytes are not those that were stored")
            # Before anything is made of it: a file that breaks later would spoil the tiles of all others.
            for _ in lines([path], attributes=True):
                pass
        except (MissingObject, Unreadable) as error:
            path.unlink(missing_ok=True)
            broken.append((part.key, str(error)))
        else:
            found.append((part, path))
    return found, broken
