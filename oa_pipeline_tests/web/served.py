"""`oa web` as a process of its own, on a port of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 120  # seconds
# The site as it is, but that a database on a busy machine is not given up within two seconds, nor said to be away.
PATIENT = (
    f"from oa_pipeline.ledger import engine; engine.READER_SECONDS = {PATIENCE}; "
    f"from oa_pipeline.web import health; health.PATIENCE = {PATIENCE}; "
)
PROGRAM = ("-c", f"{PATIENT}from oa_pipeline.cli import main; main()")


@dataclass(frozen=True)
class Served:
    """Where it listens."""

    host: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def free_port() -> int:
    """One at which nobody listens but whoever is told of it.

    It is held for as long as this process lives: nobody gets it by chance before a site that starts up has come to
    ask for it. Where servers may be started again at once, as ours may, one can listen beside who only holds it.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    holder.detach()
    return port


@contextmanager
def served(database: str, home: Path, *, program: Sequence[str] = PROGRAM, **settings: str) -> Iterator[Served]:
    """The site on this ledger, with these `OA_*` settings; its process is gone afterwards."""
    port = int(settings.get("OA_WEB_PORT") or free_port())
    environment = {name: value for name, value in os.environ.items() if not re.match("OA_|DAGSTER_", name)}
    environment |= {"OA_HOME": str(home), "OA_DATABASE_URL": database, "OA_DEV": "1", **settings}
    environment["OA_WEB_PORT"] = str(port)
    process = subprocess.Popen([sys.executable, *program, "web"], env=environment)
    try:
        _wait(process, port)
        yield Served("127.0.0.1", port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "the site ended by itself"
        assert time.monotonic() < until, "the site does not answer"
        time.sleep(0.05)
