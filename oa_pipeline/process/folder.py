"""The folder of one run: what stays of an earlier one, and which files of a converter are taken into it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..convert.task import Output, Task
from ..errors import ConverterDied
from ..fetch.model import Fetched
from ..sources.model import Protocol

# What a broken download or dump goes on from, and nothing else: an earlier run's cache is no cache of this one.
_PARTS_OF_FILE = frozenset({"cache.part", "cache.part.json"})
_PARTS_OF_LAYER = frozenset({"esri.part.gz", "esri.checkpoint.json"})


def clear(folder: Path, protocol: Protocol | None, keep: Path | None = None) -> None:
    """Removes what an earlier run left, except a download by `protocol` that can go on and the file `keep`."""
    parts = _PARTS_OF_LAYER if protocol is Protocol.ESRI else _PARTS_OF_FILE
    for path in folder.iterdir():
        if path == keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in parts or path.is_symlink():
            path.unlink()


def names_of(task: Task) -> Mapping[str, str]:
    """The files that a task may make, by kind."""
    if task.what == "maps":
        return {"preview": "preview.png", "glimpse": "glimpse.png", "lines": "dots.geojsonl"}
    return {
        "geojson": "out.geojson" if task.plain_geojson else "out.geojson.gz",
        "csv": f"{PurePosixPath(task.member or task.source).name}.zip",
        "parquet": "out.parquet",
        "sample": "sample.json",
    }


def set_apart(fetched: Fetched, task: Task) -> Fetched:
    """The download under a name that no output has: the csv of Cache County is a `cache.zip` as well."""
    path = fetched.path
    if path.name not in names_of(task).values():
        return fetched
    return replace(fetched, path=path.rename(path.with_name(f"cache.download{path.suffix}")))


def take(outputs: Mapping[str, Output], task: Task, work: Path, folder: Path) -> None:
    """Moves what a converter made from `work` into `folder`. Raises ConverterDied, and moves nothing, unless each is
    one of the files that the task may make, whole, of the size it said, and no link.

    The converter is gone by now: what is looked at here does not change any more. Its word for the SHA-256 is checked
    by the store, which reads the file anyway.
    """
    names = names_of(task)
    for kind, output in outputs.items():
        if names.get(kind) != output.path:
            raise ConverterDied(f"the converter named a file that was not asked for, {output.path[:100]!r} as {kind!r}")
        fault = _fault(work / output.path, output.size)
        if fault:
            raise ConverterDied(f"the converter named {output.path}, which {fault}")
    for output in outputs.values():
        _opened_to_all(work / output.path)
        (work / output.path).replace(folder / output.path)


def _fault(path: Path, size: int) -> str:
    try:
        held = path.lstat()
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    if not stat.S_ISREG(held.st_mode):
        return "is no file"
    if held.st_nlink != 1:
        return "is a file somewhere else, too"
    return "" if held.st_size == size else f"has {held.st_size:,} bytes instead of {size:,}"


def _opened_to_all(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchmod(handle, 0o644)
    finally:
        os.close(handle)
