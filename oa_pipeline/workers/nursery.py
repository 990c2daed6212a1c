"""The warm parent: loads everything that a run needs once, then forks a child for each run that its worker asks for.

`python -m oa_pipeline.workers.nursery FD MODULE LIBRARY...` is started by the worker. It has no connection but the
socket to its worker, no thread, and no open file that a run could spoil. It ends when its worker does, and its children
with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..convert.sandbox import Converter, wire
from ..masked import mask_console

LIBRARIES = (
    "dagster._cli.api",
    "dagster_postgres",
    "dagster._core.executor.in_process",
    "dagster._core.storage.local_compute_log_manager",
    "psycopg2.extras",
    "oa_pipeline.assets.metadata",
    "oa_pipeline.ledger.queries",
    "oa_pipeline.orchestration.carry_out",
    "oa_pipeline.orchestration.coordinator",
    "oa_pipeline.orchestration.storage",
    "oa_pipeline.orchestration.version",
    "oa_pipeline.process",
    "oa_pipeline.publish.folder",
    "oa_pipeline.publish.results",
    "oa_pipeline.publish.s3",
    "oa_pipeline.sources.parse",
    "oa_pipeline.workers.child",
)
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "GRPC_ENABLE_FORK_SUPPORT": "0"}
Job = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Warm:
    """What is ready before the first fork."""

    ref: Any
    converter: Converter


def warm(module: str, libraries: Sequence[str] = ()) -> Warm:
    """Loads everything. The converters' server comes first: nothing that it could inherit is there yet."""
    converter = Converter()
    converter.start()
    gc.disable()  # what is loaded stays: no collection of garbage walks over it meanwhile
    from ..orchestration import dagster_private as private

    for name in (*LIBRARIES, *libraries):
        importlib.import_module(name)
    private.load_location(module)
    ref = private.instance_ref(os.environ["DAGSTER_HOME"])
    gc.collect()
    gc.freeze()  # and is shared between all forks
    gc.enable()
    return Warm(ref, converter)


def threads() -> int:
    """How many threads this process has; a fork is safe with one."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 1


class Nursery:
    """Forks children, signals them, and tells their ends."""

    def __init__(self, sock: socket.socket, prepared: Warm) -> None:
        """`sock` is the worker's."""
        self._socket, self._warm = sock, prepared
        self._children: dict[int, Job] = {}
        self._retired = False
        self._wake, wake_writer = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_writer, False)
        self._wake_writer = wake_writer
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # when to end is the worker's to say

    def serve(self) -> None:
        """Until the worker is gone, or has nothing more for us and no child is left."""
        while self._children or not self._retired:
            ready, _, _ = select.select([self._socket.fileno(), self._wake], [], [])
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
                self._collect()
            if self._socket.fileno() in ready:
                message, _ = wire.receive(self._socket)
                if message is None:
                    return
                self._hear(message)

    def end_all(self) -> None:
        """Kills what still runs."""
        for pid in self._children:
            _kill_group(pid)
        for pid in self._children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._children.clear()

    def _hear(self, message: dict[str, Any]) -> None:
        if message.get("retire"):
            self._retired = True
            return
        job = (str(message["run"]), int(message["attempt"]))
        if message["do"] == "start":
            self._fork(job)
            return
        for pid, known in self._children.items():
            if known == job:
                if message["do"] == "kill":
                    _kill_group(pid)
                else:
                    os.kill(pid, signal.SIGINT)  # not yet waited for, so the number is still its own

    def _fork(self, job: Job) -> None:
        ours = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._tell("ended", job, 0, status=-1, said=f"it could not be forked: {error}")
            return
        if pid == 0:
            from .child import live  # loaded before

            self._socket.close()
            os.close(self._wake)
            os.close(self._wake_writer)
            live(*job, ref=self._warm.ref, converter=self._warm.converter, parent=ours)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # the child does so too: whoever comes first
        self._children[pid] = job
        self._tell("started", job, pid)

    def _collect(self) -> None:
        for pid, job in list(self._children.items()):
            with contextlib.suppress(ChildProcessError):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    continue
                _kill_group(pid)  # whatever it left behind
                _, status, usage = os.wait4(pid, 0)
                del self._children[pid]
                self._tell(
                    "ended",
                    job,
                    pid,
                    status=os.waitstatus_to_exitcode(status),
                    said="",
                    cpu=usage.ru_utime + usage.ru_stime,
                    memory=usage.ru_maxrss * 1024,
                )
        if not self._retired and self._warm.converter.server_pid is None:
            self._retired = True
            wire.send(self._socket, {"is": "leaving"})

    def _tell(self, what: str, job: Job, pid: int, **more: Any) -> None:
        with contextlib.suppress(OSError):
            wire.send(self._socket, {"is": what, "run": job[0], "attempt": job[1], "pid": pid, **more})


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Warms up, says so, serves, and leaves nothing behind."""
    sock = socket.socket(fileno=int(arguments[0]))
    os.set_inheritable(sock.fileno(), False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(ENVIRONMENT)
    mask_console()  # its own words, and those of every run
    prepared = warm(arguments[1], arguments[2:])
    nursery = Nursery(sock, prepared)
    try:
        from ..orchestration.version import code_version

        with contextlib.suppress(OSError):  # should the worker have gone meanwhile, that is heard next
            wire.send(sock, {"is": "ready", "pid": os.getpid(), "code": code_version(), "threads": threads()})
        nursery.serve()
    finally:
        nursery.end_all()
        sock.close()
        prepared.converter.close()


if __name__ == "__main__":
    main(sys.argv[1:])
