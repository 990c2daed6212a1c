"""What a conform's `file` tag picks from the names of a download."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher

from ..errors import ConvertError
from .membernames import listing, split_name, tidy

# What belongs to `x.shp` besides it.
SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".cst", ".shp.xml")


def picked(names: Sequence[str], wanted: str) -> list[int]:
    """Which of `names` are the file or directory that `wanted` means; [] when none is.

    Tried in turn, the first that gives anything counts: the very path; the path in any case; the end of a path; the
    base name alone. Raises ConvertError when that leaves several.
    """
    target = tidy(wanted.replace("\\", "/"))
    base = target.rpartition("/")[2].casefold()
    tests: tuple[Callable[[str], bool], ...] = (
        lambda path: path == target,
        lambda path: path.casefold() == target.casefold(),
        lambda path: path.casefold().endswith("/" + target.casefold()),
        lambda path: path.casefold().rpartition("/")[2] == base,
    )
    paths = _with_directories(names)
    for test in tests:
        found = [path for path in paths if test(path)]
        if len(found) > 1:
            raise ConvertError(
                f"`file` {wanted!r} fits several: {listing(sorted(found))}",
                cure="give the whole path in `file`",
            )
        if found:
            return paths[found[0]]
    return []


def with_parts(names: Sequence[str], indices: Iterable[int]) -> list[int]:
    """`indices`, and for each shapefile among them the files that belong to it."""
    chosen = set(indices)
    stems = {_stem(names[i], ".shp") for i in chosen if names[i].casefold().endswith(".shp")}
    for index, name in enumerate(names):
        if any(name.casefold().endswith(part) and _stem(name, part) in stems for part in SHAPEFILE_PARTS):
            chosen.add(index)
    return sorted(chosen)


def nearest(names: Sequence[str], wanted: str, most: int = 8) -> str:
    """`names` for a message, those most like `wanted` first."""
    base = split_name(wanted)[1].casefold()
    by_likeness = sorted(
        names[:2000], key=lambda name: -SequenceMatcher(None, base, split_name(name)[1].casefold()).quick_ratio()
    )
    return listing([*by_likeness, *names[2000:]], most)


def _stem(name: str, ending: str) -> str:
    return name.casefold()[: -len(ending)]


def _with_directories(names: Sequence[str]) -> dict[str, list[int]]:
    """Each file and each directory, with the files that it is or holds."""
    paths: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        parts = name.split("/")
        for end in range(1, len(parts) + 1):
            paths.setdefault("/".join(parts[:end]), []).append(index)
    return paths
