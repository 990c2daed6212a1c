"""The keeper: one small process between the fork server and each converter.

It forks the converter, ends it when its time is over or when whoever asked is gone, and afterwards ends everything the
converter may have left behind: orphans come to the keeper (it is their "subreaper"), however they tried to detach.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..task import Limits
from . import landlock, wire
from .program import Program
from .walls import NOBODY, Place, closed_library, closed_on_the_way, missing, own_user, raise_walls

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
WALLS_MISSING = 97  # the converter's exit status when a wall is demanded and down

Body = Callable[[Path, int, dict[str, str]], None]


def keep(
    control: socket.socket, events: int, stderr: int, job: dict[str, Any], body: Body, stdin: int | None = None
) -> None:
    """Runs `body`, or the job's program, in a walled child and reports its end on `control`.

    Returns when nothing of it is left.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    limits = Limits(**job["limits"])
    place = _prepare(job)
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        control.close()
        if stdin is not None:
            os.dup2(stdin, 0)
        _converter(place, limits, events, stderr, keeper=keeper, required=bool(job["required"]), body=body)
    if stdin is not None:
        os.close(stdin)
    os.close(events)  # `stderr` stays open to the end: whoever asked reads it until this process is gone
    why = _wait(child, control, limits.seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)  # who is ended at once may not have a group of its own yet
    _, status, usage = os.wait4(child, 0)
    _end_orphans()
    _give_back(place)
    report = {
        "status": os.waitstatus_to_exitcode(status),
        "why": why,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory": usage.ru_maxrss * 1024,
    }
    with contextlib.suppress(OSError):
        wire.send(control, report)


def _prepare(job: dict[str, Any]) -> Place:
    """Enters the work folder and gives it to a user of its own; an empty `input` means that there is none."""
    os.chdir(job["work"])  # from here on by relative paths: the folders above may be closed to the converter's user
    given = Path(job["input"]) if job["input"] else None
    program = Program.from_json(job["program"]) if job.get("program") else None
    if os.geteuid() != 0:
        return Place(given, None, "not root", program=program)
    # A program goes by whole paths, also to its working folder.
    closed = closed_library() or (closed_on_the_way(Path.cwd().parent) if program else "")
    if closed and not landlock.version():
        return Place(given, None, f"{closed} is closed to other users", program=program)
    for candidate in (own_user(os.getpid()), NOBODY):
        with contextlib.suppress(OSError):  # a container that maps only its own user numbers
            os.chown(".", candidate, candidate)
            return Place(given, candidate, pass_folders=bool(closed), program=program)
    return Place(given, None, "no other user number can be taken", program=program)


def _converter(
    place: Place, limits: Limits, events: int, stderr: int, *, keeper: int, required: bool, body: Body
) -> None:
    """The child's whole life; never returns."""
    status = 1
    try:
        os.setsid()
        os.dup2(stderr, 1)
        os.dup2(stderr, 2)
        os.close(stderr)  # the standard input is /dev/null, inherited from the server
        os.umask(0o077)
        walls = raise_walls(place, limits)
        # After the change of user, which clears it: should the keeper be killed, this process goes with it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(1)
        down = missing(walls)
        if required and down:
            os.write(2, ("walls down: " + "; ".join(f"{n}: {w}" for n, w in sorted(down.items()))).encode())
            os._exit(WALLS_MISSING)
        if place.program is not None:
            os.write(events, (json.dumps({"walls": walls}) + "\n").encode())
            place.program.become()
        body(Path(), events, walls)
        status = 0
    except BaseException as error:  # the last frame of a process: whatever it was has to be said
        with contextlib.suppress(BaseException):
            os.write(2, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    finally:
        os._exit(status)


def _wait(child: int, control: socket.socket, seconds: float) -> str:
    """Until the child ends ("") or has to be ended: the reason."""
    handle = os.pidfd_open(child)
    try:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([handle, control.fileno()], [], [], left)
            if handle in ready:
                return ""
            if ready:
                message, _ = wire.receive(control)
                return "interrupted" if message is None else str(message.get("end", "interrupted"))
        return "time"
    finally:
        os.close(handle)


def _end_orphans() -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while True:
        try:
            left = [int(pid) for pid in children.read_text().split()]
        except OSError:
            left = []
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _give_back(place: Place) -> None:
    """Hands the work folder back to us, never following a link out of it."""
    if place.user is None:
        return
    for folder, names, files in os.walk(".", followlinks=False):
        for name in (*names, *files):
            with contextlib.suppress(OSError):
                os.chown(Path(folder) / name, 0, 0, follow_symlinks=False)
    os.chown(".", 0, 0)
