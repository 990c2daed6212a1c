"""From the downloaded file to plain files on disk: zip, zips in a zip, gzip, or neither.

What the bytes are decides; `compression` is only what a source says they are. Everything is checked before anything
is written, sizes are counted while they come out, and after a failure nothing is left.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConvertError
from ..sources.model import Compression
from .inflate import Budget, check_promises, write_gunzipped, write_member
from .membernames import Shelf, is_junk, listing, split_name, tidy
from .sniff import Kind, refuse_html, sniff
from .task import Limits
from .wanted import nearest, picked, with_parts
from .zipdirectory import Member, bad_archive, read_directory

Warn = Callable[[str], None]

_PACKED = {Kind.ZIP: Compression.ZIP, Kind.GZIP: Compression.GZIP}
_UNSUPPORTED = (Kind.RAR, Kind.SEVEN_ZIP, Kind.BZIP2, Kind.XZ, Kind.ZSTD, Kind.TAR)
_PACKED_ENDINGS = (".zip", ".kmz", ".gz")
_GDB_MARK = "a00000001.gdbtable"
# Readers that go by the name get the one that fits the bytes.
_EXTENSIONS: Mapping[Kind, str] = {Kind.GPKG: ".gpkg", Kind.SHP: ".shp", Kind.GML: ".gml", Kind.KML: ".kml"}
_FITTING: Mapping[Kind, tuple[str, ...]] = {Kind.GML: (".gml", ".xml"), Kind.KML: (".kml", ".xml")}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One file. `name` is its path as the download has it, through nested archives: `inner.zip/shp/roads.shp`."""

    path: Path
    name: str


def _silent(_: str) -> None: ...


def unpack(
    input: Path,
    into: Path,
    *,
    compression: Compression | None,
    file_name: str,
    wanted: str | None,
    limits: Limits,
    warn: Warn = _silent,
) -> tuple[Unpacked, ...]:
    """Unpacks `input` below `into`, a folder of its own that is removed again on failure.

    Of an archive only what `wanted` (the `file` tag) means is unpacked, a shapefile with all its parts; zips in it
    are searched when it is not in the outer one. Without `wanted` everything is. Raises ConvertError.
    """
    into.mkdir(parents=True, exist_ok=True)
    try:
        return _Unpacking(into, limits, warn).open(input, file_name or "download", compression, wanted)
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


class _Unpacking:
    def __init__(self, into: Path, limits: Limits, warn: Warn) -> None:
        self._shelf = Shelf(into / "files")
        self._nested = into / "nested"
        self._limits = limits
        self._budget = Budget(limits)
        self._warn = warn
        self._too_deep: list[str] = []

    def open(self, path: Path, name: str, compression: Compression | None, wanted: str | None) -> tuple[Unpacked, ...]:
        """The files of the download itself."""
        kind = sniff(path)
        if kind is Kind.EMPTY:
            raise ConvertError("the download is empty", place=name, cure="look at the address in a browser")
        if kind in _UNSUPPORTED:
            raise bad_archive(name, f"got {kind}", "only zip and gzip can be unpacked; cache a repacked copy")
        refuse_html(path, name)
        self._compare(kind, compression)
        if kind is Kind.ZIP:
            found = self._zip(path, name, "", 1, wanted)
        elif kind is Kind.GZIP:
            found = self._gzip(path, name, _without_gz(name), 1)
        else:
            found = [self._plain(path, name)]
        shutil.rmtree(self._nested, ignore_errors=True)
        if not found:
            raise bad_archive(name, f"holds no files{self._deep()}", "look at the address in a browser")
        return tuple(found)

    def _compare(self, kind: Kind, compression: Compression | None) -> None:
        if _PACKED.get(kind) is compression:
            return
        said = f"`compression` says {compression}" if compression else "there is no `compression`"
        self._warn(f"{said}, and the download is {kind}: it is treated as what it is")

    # ---- one file -----------------------------------------------------------------------------------

    def _plain(self, path: Path, name: str) -> Unpacked:
        name = name.rpartition("/")[2] or "download"
        target = self._shelf.place(_fitting(name, sniff(path)))
        try:
            os.link(path, target)
        except OSError:  # another file system, or not our file
            shutil.copyfile(path, target)
        return Unpacked(target, name)

    def _gzip(self, path: Path, place: str, name: str, depth: int) -> list[Unpacked]:
        target = self._temporary()
        write_gunzipped(path, target, self._budget, place)
        return self._expand(target, name, depth)

    def _expand(self, path: Path, name: str, depth: int) -> list[Unpacked]:
        """The file at `path`, or what is in it when it is an archive itself; `path` is used up."""
        kind = sniff(path)
        if kind not in _PACKED:
            found = [_moved(path, self._shelf.place(_fitting(name, kind)), name)]
        elif depth >= self._limits.depth:
            self._too_deep.append(name)
            found = []
        elif kind is Kind.ZIP:
            found = self._zip(path, name, name + "/", depth + 1, None)
        else:
            found = self._gzip(path, name, _without_gz(name), depth + 1)
        path.unlink(missing_ok=True)
        return found

    def _temporary(self) -> Path:
        self._nested.mkdir(exist_ok=True)
        return self._nested / str(len(list(self._nested.iterdir())))

    # ---- zip ----------------------------------------------------------------------------------------

    def _zip(self, path: Path, place: str, prefix: str, depth: int, wanted: str | None) -> list[Unpacked]:
        members = self._members(path, place)
        if wanted is None:
            return self._write(path, place, members, prefix, depth)
        chosen = _pick(members, wanted)
        if chosen:
            return self._write(path, place, chosen, prefix, depth)
        return self._search(path, place, members, wanted)

    def _members(self, path: Path, place: str) -> list[Member]:
        members = read_directory(path, place, self._limits)
        self._budget.take_members(len(members), place)
        return [member for member in members if not is_junk(member.name)]

    def _write(self, path: Path, place: str, members: list[Member], prefix: str, depth: int) -> list[Unpacked]:
        """Unpacks `members`, and what is packed in them."""
        check_promises(members, self._budget, place)
        geodatabases = _loose_geodatabases(members)
        found: list[Unpacked] = []
        for member in members:
            if member.name.casefold().endswith(_PACKED_ENDINGS):
                target = self._temporary()
                write_member(path, member, target, self._budget, place)
                found += self._expand(target, prefix + member.name, depth)
            else:
                directory = split_name(member.name)[0]
                target = self._shelf.place(prefix + member.name, geodatabase=directory in geodatabases)
                write_member(path, member, target, self._budget, place)
                found.append(Unpacked(target, prefix + member.name))
        return found

    def _search(self, path: Path, place: str, members: list[Member], wanted: str) -> list[Unpacked]:
        """What `wanted` means in the zips that lie in this one."""
        inner = self._inner_zips(path, place, members)
        every = [(zip_path, name, member) for zip_path, name, held in inner for member in held]
        names = [f"{name}/{member.name}" for _, name, member in every]
        chosen = with_parts(names, picked(names, wanted))
        if not chosen:
            self._too_deep += [name for name in names if name.casefold().endswith(_PACKED_ENDINGS)]
            raise ConvertError(
                f"`file` {wanted!r} is not in the archive{self._deep()}",
                place=place,
                cure=f"it holds {nearest([member.name for member in members] + names, wanted)}; name one of them",
            )
        found: list[Unpacked] = []
        for zip_path, name, held in inner:
            some = [member for member in held if any(every[i][2] is member for i in chosen)]
            found += self._write(zip_path, name, some, name + "/", 2)
        return found

    def _inner_zips(self, path: Path, place: str, members: list[Member]) -> list[tuple[Path, str, list[Member]]]:
        packed = [member for member in members if member.name.casefold().endswith((".zip", ".kmz"))]
        if packed and self._limits.depth < 2:
            self._too_deep += [member.name for member in packed]
            return []
        check_promises(packed, self._budget, place)
        inner: list[tuple[Path, str, list[Member]]] = []
        for member in packed:
            target = self._temporary()
            write_member(path, member, target, self._budget, place)
            if sniff(target) is Kind.ZIP:
                inner.append((target, member.name, self._members(target, member.name)))
        return inner

    def _deep(self) -> str:
        return f"; {listing(self._too_deep)} lies too deep in zips to be opened" if self._too_deep else ""


def _pick(members: list[Member], wanted: str) -> list[Member]:
    names = [member.name for member in members]
    indices = picked(names, wanted)
    if not indices:
        indices = [i for i, member in enumerate(members) if tidy(wanted) in member.aliases]
    return [members[i] for i in with_parts(names, indices)]


def _loose_geodatabases(members: list[Member]) -> set[str]:
    """Directories that hold a file geodatabase, however they are called."""
    return {split_name(m.name)[0] for m in members if m.name.casefold().rpartition("/")[2] == _GDB_MARK}


def _without_gz(name: str) -> str:
    for ending in (".gz", ".gzip"):
        if name.casefold().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def _fitting(name: str, kind: Kind) -> str:
    extension = _EXTENSIONS.get(kind)
    if extension is None or name.casefold().endswith(_FITTING.get(kind, (extension,))):
        return name
    return name + extension


def _moved(path: Path, target: Path, name: str) -> Unpacked:
    if target.exists():
        raise bad_archive(name, "the archive holds this file twice")
    path.rename(target)
    return Unpacked(target, name)
