"""Reads `index.json` again, as `index` wrote it: typed, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar, get_type_hints

from ..errors import OAError
from ..sources.model import Licence
from .index import RunFacts

T = TypeVar("T")
LARGEST = 16 * 1024 * 1024  # bytes: samples and warnings are cut long before


class NotAnIndex(OAError):  # noqa: N818 - a fact about a file
    """This is not an index.json that a run of the ledger wrote."""


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file beside index.json."""

    name: str
    size: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class IndexedDownload:
    """The publisher's file."""

    file: IndexedFile
    md5: str
    content_type: str
    validators: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Index:
    """What index.json says of a run."""

    run: RunFacts
    source: str
    layer: str
    name: str
    digest: str
    problem: str | None
    detail: str
    cure: str
    warnings: tuple[str, ...]
    tests_passed: bool | None
    rows: int
    counters: Mapping[str, int]
    content_hash: str
    geometry_type: str
    bounds: tuple[float, float, float, float] | None
    licence: Licence
    website: str
    started: datetime
    ended: datetime
    seconds: Mapping[str, float]
    cpu_seconds: float
    peak_memory: int
    walls: Mapping[str, str]
    cache: IndexedDownload | None
    outputs: Mapping[str, IndexedFile]


def read_index(text: bytes) -> Index:
    """The index. Raises NotAnIndex, saying what is missing or of another type."""
    try:
        held = json.loads(text)
    except ValueError as error:
        raise NotAnIndex(f"it is no JSON: {error}") from None
    at = _At(held, "")
    if at.value("run", (dict, type(None))) is None:
        raise NotAnIndex("it does not say which run it is of: an earlier version wrote it, or `oa process-one`")
    return _index(at)


class _At:
    """A JSON object, and where it stands in the file."""

    def __init__(self, held: Any, path: str) -> None:
        if not isinstance(held, dict):
            raise NotAnIndex(f"{path or 'the whole'} is no object")
        self._held, self._path = held, path

    def value(self, name: str, kind: type[T] | tuple[type[Any], ...]) -> Any:
        """A member of this type. A float may be written as an integer; a flag is no number."""
        found = self._held.get(name)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if float in kinds and type(found) is int:
            return float(found)
        if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds):
            raise NotAnIndex(f"{self._path}{name} is missing or no {'/'.join(k.__name__ for k in kinds)}")
        return found

    def below(self, name: str) -> _At:
        """A member that is an object."""
        return _At(self._held.get(name), f"{self._path}{name}/")

    def all(self, name: str, kind: type[T] | tuple[type[Any], ...]) -> dict[str, Any]:
        """A member that is an object of values of one type."""
        inner = self.below(name)
        return {key: inner.value(key, kind) for key in inner._held}

    def each(self, name: str, read: Callable[[_At], T]) -> dict[str, T]:
        """A member that is an object of objects."""
        inner = self.below(name)
        return {key: read(inner.below(key)) for key in inner._held}


def _index(at: _At) -> Index:
    hashes = at.below("hashes")
    problem = at.below("problem") if at.value("problem", (dict, type(None))) is not None else None
    return Index(
        run=_run(at.below("run")),
        source=at.value("source", str),
        layer=at.value("layer", str),
        name=at.value("name", str),
        digest=hashes.value("data source", str),
        problem=problem.value("text", str) if problem else None,
        detail=problem.value("detail", str) if problem else "",
        cure=problem.value("cure", str) if problem else "",
        warnings=_texts(at, "warnings"),
        tests_passed=at.below("tests").value("passed", (bool, type(None))),
        rows=at.below("rows").value("written", int),
        counters=at.all("counters", int),
        content_hash=hashes.value("content", str),
        geometry_type=at.value("geometry type", str),
        bounds=_bounds(at),
        licence=_licence(at.below("licence")),
        website=at.value("website", str),
        started=_moment(at, "started"),
        ended=_moment(at, "ended"),
        seconds=at.all("seconds", float),
        cpu_seconds=at.value("cpu seconds", float),
        peak_memory=at.value("peak memory", int),
        walls=at.all("walls", str),
        cache=_download(at.below("cache")) if at.value("cache", (dict, type(None))) is not None else None,
        outputs=at.each("outputs", _file),
    )


def _run(at: _At) -> RunFacts:
    hints = get_type_hints(RunFacts)
    optional = {int | None: (int, type(None)), str | None: (str, type(None))}
    return RunFacts(**{f.name: at.value(f.name, optional.get(hints[f.name], hints[f.name])) for f in fields(RunFacts)})


def _file(at: _At) -> IndexedFile:
    name, size = at.value("file", str), at.value("size", int)
    if not name or "/" in name or size < 0:
        raise NotAnIndex(f"{name!r} of {size} bytes is no file beside it")
    rows = at.value("rows", (int, type(None))) if "rows" in at._held else None
    return IndexedFile(name, size, at.value("sha256", str), rows)


def _download(at: _At) -> IndexedDownload:
    validators = dict(at.below("validators")._held)
    return IndexedDownload(_file(at), at.value("md5", str), at.value("content type", str), validators)


def _licence(at: _At) -> Licence:
    flag = (bool, type(None))
    return Licence(
        at.value("text", str),
        at.value("attribution required", flag),
        at.value("attribution name", str),
        at.value("share-alike", flag),
    )


def _bounds(at: _At) -> tuple[float, float, float, float] | None:
    found = at.value("bounds", (list, type(None)))
    if found is None:
        return None
    if len(found) != 4 or not all(type(edge) in (int, float) for edge in found):
        raise NotAnIndex("bounds are not four numbers")
    west, south, east, north = (float(edge) for edge in found)
    return west, south, east, north


def _texts(at: _At, name: str) -> tuple[str, ...]:
    found = at.value(name, list)
    if not all(isinstance(text, str) for text in found):
        raise NotAnIndex(f"{name} are not all text")
    return tuple(found)


def _moment(at: _At, name: str) -> datetime:
    try:
        return datetime.fromisoformat(at.value(name, str))
    except ValueError:
        raise NotAnIndex(f"{name} is no time") from None
