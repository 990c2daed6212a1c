"""The fork server: starts clean, loads the libraries once, and forks a keeper and a converter for each run.

It never held a secret: its environment is written out by whoever starts it, and its only open files are its socket and
the three streams. It reads no data itself. It ends when its socket does.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import gc
import importlib
import os
import pkgutil
import signal
import socket
import sys
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

from . import wire
from .keeper import Body, keep

LIBRARIES = (
    "numpy",
    "polars",
    "polars_hash",
    "pyarrow",
    "pyarrow.parquet",
    "pyogrio",
    "pyogrio.raw",
    "pyproj",
    "shapely",
    "msgspec",
    "isal.igzip",
    "isal.isal_zlib",
    "oa_pipeline.convert.pipeline",
)

# pyogrio loads geopandas, and that pandas, wherever they are installed. Nothing here uses them, and they cost a fifth
# of the start and of the memory.
UNUSED = ("geopandas", "pandas")


class _Unused(MetaPathFinder):
    """Finds nothing, and lets nobody after it find what is not used here."""

    def find_spec(self, name: str, path: object, target: ModuleType | None = None) -> None:
        if name in UNUSED:
            raise ModuleNotFoundError(f"converting needs no {name}", name=name)


def load() -> None:
    """Imports everything a converter may need: after its walls are up it may not be able to."""
    sys.meta_path.insert(0, _Unused())
    for name in LIBRARIES:
        importlib.import_module(name)
    from .. import readers

    for module in pkgutil.iter_modules(readers.__path__, readers.__name__ + "."):
        importlib.import_module(module.name)
    import encodings

    for codec in pkgutil.iter_modules(encodings.__path__):
        if codec.name not in {"mbcs", "oem", "cp65001"}:  # Windows only
            with contextlib.suppress(LookupError, ImportError):
                codecs.lookup(codec.name)


def serve(sock: socket.socket, body: Body) -> None:
    """Answers requests, each by `body` in a converter, until the other side closes."""
    signal.signal(signal.SIGCHLD, _reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of whoever asked
    wire.send(sock, {"ready": os.getpid()})
    while True:
        job, fds = wire.receive(sock)
        if job is None:
            _wait_for_all()
            return
        if job.get("warm"):
            _warm(job["warm"])
        if os.fork() == 0:
            _keeper(sock, job, fds, body)
        for fd in fds:
            os.close(fd)


@functools.cache
def _warm(named: str) -> None:
    """Loads, at the first job that needs it, what all later ones then find loaded: a module with a function `warm`."""
    with contextlib.suppress(Exception):  # the job itself will say it, to whoever asked
        importlib.import_module(named).warm()
    gc.collect()
    gc.freeze()


def _reap(_number: int, _frame: object) -> None:
    """Keepers report for themselves; they are waited for so that their CPU time counts as this server's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _wait_for_all() -> None:
    """A keeper ends with whoever asked; one that is just ending has CPU time to be counted, too."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _keeper(sock: socket.socket, job: dict[str, Any], fds: list[int], body: Body) -> None:
    try:
        sock.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        control = socket.socket(fileno=fds[0])
        keep(control, fds[1], fds[2], job, body, *fds[3:4])
    finally:
        os._exit(0)


def main() -> None:
    """`python -m oa_pipeline.convert.sandbox.server FD MODULE:FUNCTION`."""
    module, function = sys.argv[2].split(":")
    load()
    body = getattr(importlib.import_module(module), function)
    gc.collect()
    gc.freeze()  # what is loaded stays shared between all forks
    serve(socket.socket(fileno=int(sys.argv[1])), body)


if __name__ == "__main__":
    main()
