"""A delivery's body as it arrives from whomever: memory stays small, however large it is and however many there are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from werkzeug.exceptions import RequestEntityTooLarge

from ...errors import OAError
from .signatures import Signatures

LARGEST_BODY = 25 * 1024 * 1024  # GitHub sends no larger ones
IN_MEMORY = 256 * 1024  # bytes; larger ones wait in a file that has no name and is gone when its process is
BLOCK = 256 * 1024


@contextlib.contextmanager
def held(folder: Path) -> Iterator[IO[bytes]]:
    """Where a body is held until it is known who sent it. `folder`: for large ones, where there is such a folder.

    The system's own place for such files may be in memory, too.
    """
    spool = SpooledTemporaryFile(IN_MEMORY, dir=str(folder) if folder.is_dir() else None)  # noqa: SIM115 - see below
    try:
        yield spool
    finally:
        with contextlib.suppress(OSError):  # of a full disk was told when the body was written
            spool.close()


def receive(stream: IO[bytes], into: IO[bytes], signatures: Signatures) -> int:
    """Writes the body down as it arrives, and has it signed. Returns its bytes.

    Raises RequestEntityTooLarge, and OAError where there is no room for it.
    """
    size = 0
    while block := stream.read(BLOCK):
        size += len(block)
        if size > LARGEST_BODY:
            raise RequestEntityTooLarge
        signatures.update(block)
        _write(into, block)
    with _room():
        into.seek(0)
    return size


def _write(into: IO[bytes], block: bytes) -> None:
    with _room():
        into.write(block)


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OAError(f"the body cannot be held: {error.strerror}", cure="is there room in OA_HOME?") from error
