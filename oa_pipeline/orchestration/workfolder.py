"""The folders in which runs work: each held by one process, and none left behind for long."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What a killed run leaves is kept for a while: a broken download can go on from it.
KEPT_SECONDS = 24 * 3600.0


@dataclass(slots=True)
class WorkFolder:
    """A run's folder; `keep` it for the next try."""

    path: Path
    keep: bool = False


@contextlib.contextmanager
def work_folder(home: Path, name: str, number: int) -> Iterator[WorkFolder]:
    """The folder `name` below `home`, or one with the run's number where another run still holds that.

    Removed afterwards, unless it is `name` itself, its `keep` was set, and nobody told the run to stop. Whoever dies
    lets go of its folder; those that nobody has held for a day are removed too.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep(home, before=time.time() - KEPT_SECONDS)
    path = home / name
    handle = _hold(path)
    own = handle is not None
    if handle is None:
        path = home / f"{name}-{number}"
        handle = _hold(path)
    work = WorkFolder(path)
    try:
        yield work
    except BaseException as error:
        work.keep = work.keep and isinstance(error, Exception)  # who was told to stop does not come back
        raise
    finally:
        if not (work.keep and own):
            shutil.rmtree(path, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def sweep(home: Path, *, before: float) -> None:
    """Removes the folders that nobody holds and in which nothing was made since `before`."""
    for path in home.iterdir():
        with contextlib.suppress(OSError):
            if not path.is_dir() or path.stat().st_mtime >= before:
                continue
            handle = _hold(path)
            if handle is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(handle)


def _hold(path: Path) -> int | None:
    """A handle that holds the folder, which is made if need be; None where another process holds it."""
    while True:
        path.mkdir(exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):  # its holder has just removed it: once more
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return handle
            except BlockingIOError:
                os.close(handle)
                return None
            except FileNotFoundError:
                pass
            os.close(handle)
