"""The walls around a converter, raised in its own process before it looks at anything hostile.

    limits   address space, CPU time, size of a written file, open files, no core dumps
    network  a network namespace of its own without any interface; no sockets; Landlock's TCP rule as well
    files    Landlock: reads the interpreter, its libraries and the input, writes the work folder only
    user     a user of its own, where we are root
    calls    seccomp: no sockets, programs, processes, signals to others, namespaces, mounts, keys

Each is reported as "up" or as the reason why it is not.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..task import Limits
from . import calls, landlock
from .program import Program, executables

UP = "up"
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_OWN_USERS = 1_700_000_000  # far from any account; one user per converter, so they cannot touch each other
NOBODY = 65534
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAP_DAC_READ_SEARCH = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A converter writes its working folder only, reads `input` and runs as `user`, or `why_not`.

    `pass_folders`: it may pass through folders that are closed to it, because our libraries lie behind one. What it may
    read there is Landlock's business. `program`: what the process becomes, and all that it may run and read then.
    """

    input: Path | None
    user: int | None
    why_not: str = ""
    pass_folders: bool = False
    program: Program | None = None


def own_user(pid: int) -> int:
    """The user number of the converter kept by process `pid`."""
    return _OWN_USERS + pid


def raise_walls(place: Place, limits: Limits) -> dict[str, str]:
    """Raises what can be raised, in an order in which none needs what another takes away."""
    walls = {"network": _shut_network()}
    walls["user"] = place.why_not if place.user is None else _become(place, place.user)
    walls["files"], tcp_shut = _shut_files(place)
    walls["limits"] = _limit(limits)
    walls["calls"] = calls.restrict(may_execute=place.program is not None) or UP
    if tcp_shut or walls["calls"] == UP:
        walls["network"] = UP
    return walls


def missing(walls: Mapping[str, str]) -> dict[str, str]:
    """The walls that ought to stand and do not. Where files are shut, a user of its own is a second belt."""
    down = {name: why for name, why in walls.items() if why != UP}
    if walls.get("files") == UP:
        down.pop("user", None)
    return down


def _shut_network() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    if libc.unshare(flags) == 0:
        return UP
    return f"no network namespace: {os.strerror(ctypes.get_errno())}"


def _become(place: Place, user: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        os.setgroups([])
        libc.prctl(_PR_SET_KEEPCAPS, int(place.pass_folders), 0, 0, 0)
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        kept = 1 << _CAP_DAC_READ_SEARCH if place.pass_folders else 0
        handed_on = kept if place.program is not None else 0
        # Version 3 of the kernel's structure: effective, permitted and inheritable, low words before high ones.
        if libc.capset(struct.pack("=II", 0x20080522, 0), struct.pack("=6I", kept, kept, handed_on, 0, 0, 0)):
            raise OSError(ctypes.get_errno(), "capset refused")
        if handed_on and libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0):
            raise OSError(ctypes.get_errno(), "no ambient capability")
    except OSError as error:
        return f"cannot become user {user}: {error.strerror}"
    return UP


def _shut_files(place: Place) -> tuple[str, bool]:
    runs = place.program
    libraries = library_folders() if runs is None else [*_SYSTEM_LIBRARIES, *runs.libraries]
    readable = {Path(p) for p in (*libraries, "/proc/self", "/dev/urandom")}
    if place.input is not None:
        readable.add(place.input)
    programs = None if runs is None else [p for p in executables(Path(runs.path)) if p.exists()]
    try:
        tcp_shut = landlock.restrict(sorted(p for p in readable if p.exists()), [Path(), Path("/dev/null")], programs)
    except OSError as error:
        return f"no Landlock: {error.strerror}", False
    return UP, tcp_shut


_SYSTEM_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/sys/devices/system/cpu")


def library_folders() -> list[str]:
    """The interpreter, what it imports from, this package, and the system's libraries."""
    package = Path(__file__).resolve().parents[2]
    imported = [p for p in sys.path if p and Path(p).is_dir() and Path(p) != package.parent]
    return [sys.prefix, sys.base_prefix, *imported, str(package), "/usr", "/lib", "/lib64", "/etc/ld.so.cache"]


def closed_library() -> str:
    """A folder on the way to our libraries that other users may not enter; "" where there is none."""
    libraries = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).resolve().parent)
    return next(filter(None, (closed_on_the_way(library) for library in libraries)), "")


def closed_on_the_way(path: Path) -> str:
    """The folder that other users may not enter, of this one and those above it; "" where there is none."""
    for folder in (path, *path.parents):
        if not folder.stat().st_mode & 0o001:
            return str(folder)
    return ""


def _limit(limits: Limits) -> str:
    wanted = {
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
    }
    for what, much in wanted.items():
        hard = resource.getrlimit(what)[1]
        most = much if hard == resource.RLIM_INFINITY else min(much, hard)
        # The hard CPU limit lies a little higher: the soft one's signal names the cause, the hard one cannot be caught.
        higher = most + 5 if what == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else most
        try:
            resource.setrlimit(what, (most, higher))
        except (OSError, ValueError) as error:
            return f"limit {what} refused: {error}"
    return UP
