"""The processes of the local system: each with a warden, a log file, and a session of its own."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..orchestration.children import die_with_parent

WARDEN = Path(__file__).with_name("warden.py")
GRACE = 15.0  # seconds from being asked to being killed
LAST_LINES = 12
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def program(name: str) -> str:
    """The path of a program that was installed beside our Python."""
    return str(Path(sysconfig.get_path("scripts")) / name)


@dataclass(slots=True)
class Service:
    """A running service."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def how_it_ended(self) -> str:
        """By which signal, or with which status."""
        status = self.process.returncode or 0
        number = -status if status < 0 else status - 128  # as the warden tells what ended the service
        if number not in {each.value for each in signal.Signals}:
            return f"status {status}"
        return f"killed by {signal.Signals(number).name}"

    def last_words(self) -> str:
        """The end of its log, without colours."""
        text = COLOUR.sub("", self.log.read_text(encoding="utf-8", errors="replace"))
        return "\n".join(text.splitlines()[-LAST_LINES:])

    def stop(self) -> None:
        """Ends it and all that it started. Returns when they are gone."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(GRACE * 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    logs: Path,
    folder: Path,
    alone: bool = False,
) -> Service:
    """Starts `command` below a warden, in a session of its own: a Ctrl-C in the terminal is for us alone to pass on.

    `alone`: only the command itself is asked to end, and all below it killed when it has or when its time is over.
    What its forerunner printed is kept beside its log, as `.log.1`.
    """
    log = logs / f"{name}.log"
    with contextlib.suppress(FileNotFoundError):
        log.replace(logs / f"{log.name}.1")
    first = "alone" if alone else "all"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-I", str(WARDEN), str(GRACE), first, *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    return Service(name, log, process)
