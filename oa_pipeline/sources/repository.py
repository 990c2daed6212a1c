"""A whole source repository: a folder, a git checkout, or a .tar.gz as GitHub serves it."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ..errors import SourceError
from .checkout import commit_of
from .keys import source_of
from .model import DataSource, Source
from .parse import parse_source
from .places import shown
from .positions import SIZE_CAP

MEMBER_CAP = 1_000_000
UNPACKED_CAP = 1024**3

_commit = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z").match


class Invalid(NamedTuple):
    """A file that is not a source, and why."""

    path: str
    error: SourceError


@dataclass(frozen=True)
class Repository:
    """The sources of one state of the repository, sorted by path."""

    sources: tuple[Source, ...]
    invalid: tuple[Invalid, ...]
    commit: str | None

    def data_sources(self) -> tuple[DataSource, ...]:
        """Every data source, sorted by its partition key."""
        return tuple(self.by_key.values())

    @cached_property
    def by_key(self) -> dict[str, DataSource]:
        """Data sources by partition key, in order."""
        found = {one.key: one for source in self.sources for one in source.data_sources}
        return dict(sorted(found.items()))

    @cached_property
    def by_path(self) -> dict[str, Source]:
        """Sources by path."""
        return {source.path: source for source in self.sources}

    def digests(self) -> dict[str, str]:
        """Digest by partition key: what `changes` compares."""
        return {key: one.digest for key, one in self.by_key.items()}


def read_repository(location: str | Path) -> Repository:
    """All sources at `location`: below its `sources` folder where it has one, else below itself.

    Only regular `*.json` files are read; links are listed as invalid and never followed. A file that cannot be read is
    listed as invalid and hides no other. Raises SourceError where there is no repository at `location`.
    """
    place = Path(location)
    if place.is_dir():
        inner = place / "sources"
        root = inner if inner.is_dir() else place
        return _gather(_folder(root, root), commit_of(place))
    if place.is_file():
        return _tarball(place)
    cure = "name a folder, a checkout or a .tar.gz"
    raise SourceError("there is no source repository here", cure=cure, place=str(location))


_Found = Iterator[tuple[str, bytes | SourceError]]


def _gather(found: _Found, commit: str | None) -> Repository:
    sources, invalid = [], []
    for path, text in found:
        try:
            if isinstance(text, SourceError):
                raise text
            sources.append(parse_source(text, path))
        except SourceError as error:
            invalid.append(Invalid(path, error))
    sources.sort(key=lambda source: source.path)
    return Repository(tuple(sources), tuple(sorted(invalid, key=lambda one: one.path)), commit)


def _folder(folder: Path, root: Path) -> _Found:
    for entry in sorted(folder.iterdir()):
        path = f"sources/{entry.relative_to(root).as_posix()}"
        if entry.is_symlink():
            if entry.suffix == ".json" or entry.is_dir():
                yield path, _link(path)
        elif entry.is_dir():
            if not entry.name.startswith("."):
                yield from _folder(entry, root)
        elif entry.suffix == ".json" and entry.is_file():
            yield path, entry.read_bytes() if entry.stat().st_size <= SIZE_CAP else _too_large(path)


def _tarball(file: Path) -> Repository:
    try:
        with tarfile.open(file, "r|*") as archive:
            found = dict(_members(archive, str(file)))
            comment = archive.pax_headers.get("comment", "")
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        cure = "fetch it again; a folder or a .tar.gz is wanted"
        raise SourceError(f"the archive cannot be read: {error}", cure=cure, place=str(file)) from error
    return _gather(iter(found.items()), comment if _commit(comment) else None)


def _members(archive: tarfile.TarFile, place: str) -> _Found:
    unpacked = 0
    for number, member in enumerate(archive):
        unpacked += member.size
        if number >= MEMBER_CAP or unpacked > UNPACKED_CAP:
            message = f"the archive has more than {MEMBER_CAP:,} members or {UNPACKED_CAP:,} bytes"
            raise SourceError(message, cure="this is no source repository", place=place)
        path = _inside(member.name)
        if path is None or not path.endswith(".json") or member.isdir():
            continue
        yield path, _content(archive, member, path)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> bytes | SourceError:
    if not member.isreg():
        return _link(path)
    if member.size > SIZE_CAP:
        return _too_large(path)
    held = archive.extractfile(member)
    return held.read() if held else _link(path)


def _inside(name: str) -> str | None:
    """`sources/...` of a member's name, its one top folder aside; None for what lies elsewhere."""
    inner = name if name.startswith("sources/") else name.partition("/")[2]
    return inner if inner.startswith("sources/") else None


def _link(path: str) -> SourceError:
    message = f"{shown(source_of(path))} is a link or a device, not a file"
    return SourceError(message, cure="put the file itself there", place=path)


def _too_large(path: str) -> SourceError:
    return SourceError(f"the file is larger than {SIZE_CAP:,} bytes", cure="simplify its geometry", place=path)
