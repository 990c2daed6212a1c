"""A run's side of the sandbox: starts the fork server, hands over a task, follows it, and reads its answer."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import msgspec

from ...crash import point
from ...errors import ConverterDied, ConvertError, Problem, WallError
from ..drivers import gdal_environment
from ..task import Limits, Outcome, Task
from . import wire
from .follow import Follow, OnEvent, OnSaid
from .keeper import WALLS_MISSING
from .program import Program

OUTCOME_BYTES = 16 * 1024**2
START_SECONDS = 120.0
FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))  # a converter's last words
ROOM = "make room on the disk under OA_HOME"
WARM = {"maps": "oa_pipeline.maps.walled"}  # what the server loads for a kind of task, once there is one
_SERVER = "oa_pipeline.convert.sandbox.server"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status, below 0 the signal that ended it; `why` else ("time"); its last words."""

    status: int
    why: str
    said: str
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    walls: dict[str, str] = field(default_factory=dict)


def clean_environment() -> dict[str, str]:
    """All that a converter's environment holds. No home, no credentials, no proxies, no settings of ours."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Reading, computing and writing each have a thread of ours; more cost a tenth and save nothing. Each converter
        # makes the pool at its first use: none of its threads is lost to a fork.
        "POLARS_MAX_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        # Batches come and go: memory that is given back and asked for again costs a tenth of the time in page faults.
        "MALLOC_MMAP_THRESHOLD_": str(64 * 1024**2),
        "MALLOC_TRIM_THRESHOLD_": str(256 * 1024**2),
        "_RJEM_MALLOC_CONF": "dirty_decay_ms:5000,muzzy_decay_ms:5000",
        **gdal_environment(),
    }


class Converter:
    """Runs tasks, each in a walled process of its own, from one warm fork server. Several threads may share it."""

    def __init__(
        self,
        *,
        walls: Literal["required", "recorded"] = "recorded",
        body: str = "oa_pipeline.convert.child:body",
        path: tuple[Path, ...] = (),
    ) -> None:
        """`walls`: what happens when one cannot be raised: WallError, or a note in the outcome.

        `body`: what a converter runs, as module:function, found on `path` as well as among the installed packages.
        """
        self._required = walls == "required"
        self._body = body
        self._path = path
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._inherited = False

    @property
    def server_pid(self) -> int | None:
        """The process id of the server, while it is ours and runs."""
        return self._server.pid if self._server is not None and self._server.poll() is None else None

    def after_fork(self, walls: Literal["required", "recorded"]) -> None:
        """To be called in a forked child, which thereby shares its parent's server instead of starting its own."""
        self._lock = threading.Lock()
        self._server = None
        self._inherited = self._socket is not None
        self._required = walls == "required"

    def __enter__(self) -> Converter:
        """Itself; the server starts with the first task."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the server."""
        self.close()

    def start(self) -> None:
        """Starts the server if it is not running. Raises ConvertError when it does not come up."""
        with self._lock:
            if self._inherited or (self._server is not None and self._server.poll() is None):
                return
            self._close()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with contextlib.ExitStack() as unless_it_comes, tempfile.TemporaryFile() as said:
                unless_it_comes.callback(ours.close)
                with theirs:
                    self._server = self._popen(theirs.fileno(), said)
                ours.settimeout(START_SECONDS)
                message = None
                with contextlib.suppress(TimeoutError):
                    message, _ = wire.receive(ours)
                if not message:
                    self._server.kill()
                    self._server.wait()
                    said.seek(0)
                    raise _unstarted(said.read()[-2000:].decode(errors="replace").strip(), self._body)
                ours.settimeout(None)
                unless_it_comes.pop_all()
                self._socket = ours

    def _popen(self, its_socket: int, said: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-s", "-m", _SERVER, str(its_socket), self._body],
                env=clean_environment() | {"PYTHONPATH": ":".join(map(str, self._path))},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=(its_socket,),
                start_new_session=True,
            )
        except OSError as error:
            raise _unstarted(str(error), self._body) from error

    def close(self) -> None:
        """Ends the server and waits for it."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._server is not None:
            try:
                self._server.wait(5)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None

    def run(self, task: Task, work: Path, *, input: Path | None, on_event: OnEvent | None = None) -> Outcome:
        """Does `task` with `work`, an empty folder, as its working folder and the only one it can write.

        `input` is the cached download, readable to the converter. Raises ConverterDied when the process ends without
        an answer, WallError when a demanded wall is down. KeyboardInterrupt and other exceptions end the process.
        """
        self._live()
        (work / "task.json").write_text(json.dumps(task.as_json()))
        (work / "task.json").chmod(0o444)
        follow = Follow(on_event)
        job = {**self._job(work, input, task.limits), "warm": WARM.get(task.what, "")}
        with follow.ask(self._send, job):
            point("convert.started")
            report = follow.until_done()
        return _answer(report, follow.stderr.text(), work, task.limits)

    def execute(
        self,
        program: Program,
        work: Path,
        *,
        limits: Limits,
        input: Path | None = None,
        fed: Iterable[bytes] | None = None,
        on_said: OnSaid | None = None,
    ) -> Ended:
        """Runs a program behind the same walls: it reads `input` and its own files, and writes `work` only.

        `fed` is its standard input. How it ends is the caller's to judge; raises WallError when a demanded wall is
        down, ConverterDied when nothing is known of its end. What `fed` raises ends the program and is raised.
        """
        self._live()
        walls: dict[str, str] = {}
        follow = Follow(lambda event: walls.update(event.get("walls", {})), fed=fed, on_said=on_said)
        with follow.ask(self._send, {**self._job(work, input, limits), "program": program.as_json()}):
            report = follow.until_done()
        return replace(_ended(report, follow.stderr.text()), walls=walls)

    def _job(self, work: Path, input: Path | None, limits: Limits) -> dict[str, Any]:
        return {
            "work": str(work.resolve()),
            "input": os.path.relpath(input, work) if input else "",
            "limits": asdict(limits),
            "required": self._required,
        }

    def _live(self) -> None:
        """A server to ask. Where an inherited one has gone, the next is our own."""
        with self._lock:
            if self._inherited and self._socket is not None and _gone(self._socket):
                self._inherited = False
        self.start()

    def _send(self, job: dict[str, Any], fds: tuple[int, ...]) -> None:
        with self._lock:
            if self._socket is None:
                raise ConverterDied("the converter's server is gone", problem=Problem.OUR_FAULT)
            wire.send(self._socket, job, fds)


def _gone(sock: socket.socket) -> bool:
    """Whether the other side has closed: it never says anything more once it is ready, except that."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _ended(report: dict[str, Any] | None, said: str) -> Ended:
    """How a process ended. Raises where the walls or the keeper were at fault."""
    if report is None:
        raise ConverterDied("the converter's keeper was killed", problem=Problem.OUR_FAULT)
    status, why = int(report["status"]), str(report["why"])
    if status == WALLS_MISSING:
        raise WallError(said or "a wall is down", cure="OA_SANDBOX=recorded runs without it and says so")
    return Ended(status, why, said, float(report["cpu_seconds"]), int(report["peak_memory"]))


def _answer(report: dict[str, Any] | None, said: str, work: Path, limits: Limits) -> Outcome:
    ended = _ended(report, said)
    if ended.status != 0 or ended.why:
        raise _died(ended.status, ended.why, said, limits)
    outcome = _read_outcome(work / "outcome.json", said)
    return replace(outcome, cpu_seconds=ended.cpu_seconds, peak_memory=ended.peak_memory)


def _read_outcome(path: Path, said: str) -> Outcome:
    """The child's answer, which is no more trusted than its input: no link is followed, no size or type believed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            data = file.read(OUTCOME_BYTES + 1)
        if len(data) > OUTCOME_BYTES:
            raise ValueError("longer than 16 MiB")
        return msgspec.json.decode(data, type=Outcome)
    except (OSError, ValueError, RecursionError) as error:
        raise ConverterDied(f"the converter left no usable answer: {error} {said}".strip()) from None


def _died(status: int, why: str, said: str, limits: Limits) -> ConverterDied:
    if why == "time":
        return ConverterDied(
            f"the converter took longer than {limits.seconds} seconds and was ended",
            cure="simplify slow patterns, or raise OA_CONVERT_SECONDS",
        )
    if why:
        return ConverterDied(f"the converter was ended: {why}", problem=Problem.OUR_FAULT)
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        cause, cure = _SIGNALS.get(-status, ("", ""))
        cause = cause.format(limits=limits, mib=limits.memory // 1024**2)
        return ConverterDied(f"converter died: {name}{cause}{_quote(said)}", cure=cure)
    full = next((text for text in FULL if text in said), "")
    if full:
        return ConverterDied(f"the disk is full: {full}", cure=ROOM, problem=Problem.OUR_FAULT)
    return ConverterDied(
        f"converter died: exit status {status}{_quote(said)}",
        cure="report it, with the source",
        problem=Problem.OUR_FAULT,
    )


def _unstarted(why: str, body: str) -> ConvertError:
    return ConvertError(
        f"the converter's server did not start: {why}",
        cure=f"python -m {_SERVER} 0 {body} shows why",
        problem=Problem.OUR_FAULT,
    )


def _quote(said: str) -> str:
    last = said.strip().splitlines()[-1:] if said.strip() else []
    return f": {last[0][:500]}" if last else ""


_SIGNALS: dict[int, tuple[str, str]] = {
    signal.SIGXCPU: (
        " (more than {limits.cpu_seconds} seconds of CPU time)",
        "simplify slow patterns, or raise OA_CONVERT_CPU_SECONDS",
    ),
    signal.SIGKILL: (" (killed, most often for want of memory)", "give the machine more memory"),
    signal.SIGABRT: (" (most often more than {mib} MiB of memory)", "raise OA_CONVERT_MEMORY_MIB"),
    signal.SIGSEGV: (" (a library crashed on this file)", "report the file; other sources are unaffected"),
    signal.SIGBUS: (" (a library crashed on this file)", "report the file; other sources are unaffected"),
}
