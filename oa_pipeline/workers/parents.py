"""The worker's side of its warm parents: starts them, asks them for children, hears how those end."""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..convert.sandbox import wire
from ..ledger.assignments import Assignment
from .code import fingerprint

log = logging.getLogger(__name__)
PATIENCE = 20.0  # seconds for a parent to end once its worker let go of it


@dataclass(slots=True)
class Child:
    """One run's process.

    `leaving`: its run has ended; `doomed_at`: when it was first told to end; `killed`: it was not asked.
    """

    assignment: Assignment
    parent: Parent
    pid: int = 0
    leaving: bool = False
    doomed_at: float | None = None
    killed: bool = False

    def interrupt(self, now: float) -> None:
        """Asks it to end."""
        self.doomed_at = now
        self.parent.say("interrupt", self.assignment)

    def kill(self, now: float) -> None:
        """Ends it and its process group."""
        self.doomed_at = self.doomed_at if self.doomed_at is not None else now
        self.killed = True
        self.parent.say("kill", self.assignment)


class Parent:
    """One warm process and its children."""

    def __init__(self, module: str, libraries: Sequence[str] = ()) -> None:
        """Starts it; `ready` comes with its first message, some seconds later."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.code = fingerprint()
        self.version = ""
        self.ready = self.gone = self.retired = False
        self.forked = 0
        self.socket = ours
        ours.setblocking(False)
        with theirs, contextlib.ExitStack() as unless_it_starts:
            unless_it_starts.callback(ours.close)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "oa_pipeline.workers.nursery", str(theirs.fileno()), module, *libraries],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # a Ctrl-C in the terminal is for the worker alone to pass on
            )
            unless_it_starts.pop_all()

    def start(self, assignment: Assignment) -> Child:
        """Asks for a child that carries this out."""
        self.forked += 1
        self.say("start", assignment)
        return Child(assignment, self)

    def say(self, what: str, assignment: Assignment) -> None:
        """Asks for something. A parent that has gone is noticed by `hear`."""
        with contextlib.suppress(OSError):
            wire.send(self.socket, {"do": what, "run": assignment.run_id, "attempt": assignment.attempt})

    def retire(self) -> None:
        """It ends with its last child."""
        self.retired = True
        with contextlib.suppress(OSError):
            wire.send(self.socket, {"retire": True})

    def hear(self, on_message: Callable[[dict[str, Any]], None]) -> None:
        """Takes all that it has said; `gone` is true once it has ended."""
        while not self.gone:
            try:
                message, _ = wire.receive(self.socket)
            except BlockingIOError:
                return
            if message is None:
                self.gone = True
            elif message["is"] == "ready":
                self.ready, self.version = True, str(message["code"])
                if message["threads"] > 1:
                    # Allocators' background threads (polars and pyarrow have such) are prepared for a fork; others
                    # may hold a lock that no child ever gets.
                    log.warning("the warm parent has %d threads: a library starts some on import", message["threads"])
            elif message["is"] == "leaving":
                self.retired = True
            else:
                on_message(message)

    def close(self) -> None:
        """Lets go of it, which ends it and its children, and waits until it has ended."""
        self.socket.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
