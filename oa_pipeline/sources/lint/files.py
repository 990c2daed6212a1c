"""Checking files and whole folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..generations import declared_in
from ..keys import case_twins, path_fault, source_of
from ..places import PlacedError, dotted
from ..positions import SIZE_CAP, read_json
from .findings import Finding, Site, Subject, shown
from .functions import functions
from .identity import identity, repeated_names
from .links import links
from .patterns import patterns
from .places import places
from .reading import reading
from .structure import structure

_PER_DATA_SOURCE = (identity, links, reading, functions, patterns)


def lint(text: bytes, path: str, *, allow_local: bool = False) -> tuple[Finding, ...]:
    """Everything that can be said about a source file without its data, in the order of its lines.

    A file without errors can be run; warnings are for a person to look at. `allow_local` accepts local files and
    private hosts as addresses. Never raises for anything in the file.
    """
    source = source_of(path)
    fault = path_fault(source)
    if fault:
        message = f"the path {shown(source)} {fault}"
        return (Finding(path, 1, 1, "", "error", message, "rename the file", "bad-path"),)
    try:
        document = read_json(text, path)
    except PlacedError as error:
        return (_unreadable(error, path, "json"),)
    if not isinstance(document.value, dict):
        return (Finding(path, 1, 1, "", "error", "a source must be an object", "put it in { }", "json"),)
    found = dict.fromkeys(_findings(Site(path, source, document, allow_local)))
    return tuple(sorted(found, key=lambda one: (one.line, one.column, one.severity, one.where, one.message)))


def lint_paths(paths: Sequence[Path], allow_local: bool = False) -> Iterator[Finding]:
    """The findings of files, and of all `*.json` files below folders; links are reported, not followed.

    A folder that is named, and has no such file, is an error: whoever names it means another one.
    """
    seen: list[str] = []
    for path in paths:
        known = len(seen)
        for file in _walk([path]):
            seen.append(source_of(file.as_posix()))
            yield from _lint_file(file, allow_local)
        if len(seen) == known:
            message = "there is no *.json file in this folder"
            yield Finding(str(path), 1, 1, "", "error", message, "name a source file or a folder of them", "no-file")
    for twins in case_twins(seen):
        message = f"{' and '.join(map(shown, twins))} differ only in case; many file systems hold one of them"
        yield Finding(twins[-1], 1, 1, "", "error", message, "rename one of them", "case-twins")


def _lint_file(file: Path, allow_local: bool) -> Iterator[Finding]:
    if file.is_symlink() or not file.is_file():
        message = "a link or a device, not a file" if file.is_symlink() or file.exists() else "no such file"
        yield Finding(str(file), 1, 1, "", "error", message, "name a source file or a folder", "no-file")
        return
    with file.open("rb") as held:
        text = held.read(SIZE_CAP + 1)
    yield from lint(text, file.as_posix(), allow_local=allow_local)


def _walk(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            inner = (entry for entry in sorted(path.iterdir()) if not entry.name.startswith("."))
            yield from _walk([one for one in inner if one.suffix == ".json" or (one.is_dir() and not one.is_symlink())])
        else:
            yield path


def _findings(site: Site) -> Iterator[Finding]:
    yield from structure(site)
    yield from places(site)
    try:
        declared = list(declared_in(site.held))
    except PlacedError:
        return  # the schema has said so
    yield from repeated_names(site, declared)
    for one in declared:
        for rule in _PER_DATA_SOURCE:
            yield from rule(Subject(site, one))


def _unreadable(error: PlacedError, path: str, rule: str) -> Finding:
    return Finding(path, error.line, error.column, dotted(error.where), "error", error.message, error.cure, rule)
