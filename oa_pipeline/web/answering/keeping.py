"""Pages as they were rendered last: in memory for speed, on disk for the time when the database is away."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import logging
import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

WORTH = 1000  # bytes: shorter ones are not compressed
IN_MEMORY = 32 * 1024 * 1024  # bytes
ON_DISK = 3000  # pages, beside those that last
LASTING = "lasting-"  # how files begin that are never removed to make room
BYTES_ON_DISK = 256 * 1024 * 1024
LARGEST = 8 * 1024 * 1024  # bytes of a page that is kept
LONG = 256 * 1024  # bytes: longer ones are compressed in a third of the time, to a fifth more
AGAIN = 60.0  # seconds after which a page is written to disk anew
EVERY = 200  # writes between looks at how many there are
OTHERS_REST = 7 * 86400.0  # seconds after which pages of another version, to which nothing is added, are removed
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """A whole answer. `tag` is the version that it shows; `made` when it was rendered, in seconds since 1970."""

    body: bytes
    content_type: str
    tag: str
    modified: float
    made: float
    links: str = ""
    packed: bytes = b""

    @classmethod
    def of(cls, body: bytes, *, content_type: str, tag: str, modified: float, made: float, links: str = "") -> Page:
        """The page, compressed where that is worth it."""
        packed = gzip.compress(body, 6 if len(body) < LONG else 2, mtime=0) if len(body) >= WORTH else b""
        return cls(body, content_type, tag, modified, made, links, packed)

    @property
    def weight(self) -> int:
        """Bytes in memory."""
        return len(self.body) + len(self.packed)


class Kept:
    """The pages of one version of the software, by address. Threads may share it, and processes the folder."""

    def __init__(self, folder: Path, version: str, *, lasting: Collection[str] = ()) -> None:
        """`folder` is made when there is something to keep; without it, pages are kept in memory alone.

        Of addresses there is no end, so those of `lasting` keep their place on the disk, whoever asks for what else.
        """
        self._folder = folder / version
        self._lasting = lasting
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._weight = 0
        self._written: dict[str, float] = {}
        self._lock = threading.Lock()

    def get(self, address: str) -> Page | None:
        """The page as this process rendered it last."""
        with self._lock:
            page = self._pages.get(address)
            if page is not None:
                self._pages.move_to_end(address)
            return page

    def last(self, address: str) -> Page | None:
        """The page as it was rendered last by any process, before a restart too."""
        found = [page for page in (self.get(address), self._read(address)) if page is not None]
        return max(found, key=lambda page: page.made, default=None)

    def put(self, address: str, page: Page) -> None:
        """Keeps the page; the least recently used ones make room."""
        if page.weight > LARGEST:
            return
        with self._lock:
            former = self._pages.pop(address, None)
            self._weight += page.weight - (former.weight if former else 0)
            self._pages[address] = page
            while self._weight > IN_MEMORY:
                _, gone = self._pages.popitem(last=False)
                self._weight -= gone.weight
            due = abs(page.made - self._written.get(address, 0.0)) >= AGAIN
            if due:
                self._written[address] = page.made
            crowded = due and len(self._written) % EVERY == 0
        if due:
            self._write(address, page)
        if crowded:
            self._thin_out()

    def _path(self, address: str) -> Path:
        start = LASTING if address in self._lasting else ""
        return self._folder / f"{start}{hashlib.sha256(address.encode('utf-8', 'surrogatepass')).hexdigest()}"

    def _write(self, address: str, page: Page) -> None:
        facts = {n: getattr(page, n) for n in ("content_type", "tag", "modified", "made", "links")}
        head = json.dumps({"address": address, **facts}).encode() + b"\n"
        path = self._path(address)
        partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(head + (page.packed or gzip.compress(page.body, 1, mtime=0)))
            partial.replace(path)
        except OSError as error:
            log.warning("pages are not kept in %s: %s", self._folder, error.strerror)
            with contextlib.suppress(OSError):
                partial.unlink()

    def _read(self, address: str) -> Page | None:
        try:
            head, _, body = self._path(address).read_bytes().partition(b"\n")
            facts = json.loads(head)
            if facts.pop("address") != address:
                return None
            plain = gzip.decompress(body)
            return Page(plain, **facts, packed=body if len(plain) >= WORTH else b"")
        except (OSError, ValueError, EOFError, TypeError, KeyError):
            return None

    def _thin_out(self) -> None:
        """Removes the oldest files beyond the most there may be, and forgets what was written long ago."""
        now = time.time()
        with self._lock:
            self._written = {a: at for a, at in self._written.items() if abs(now - at) < AGAIN}
        found = []
        for path in self._folder.glob(f"[!{LASTING[0]}]*"):  # digests are of digits and the letters a to f
            with contextlib.suppress(OSError):  # another process has just replaced or removed it
                facts = path.stat()
                found.append((facts.st_mtime, path, facts.st_size))
        held = 0
        for number, (_, path, size) in enumerate(sorted(found, reverse=True)):
            held += size
            if number >= ON_DISK or held > BYTES_ON_DISK:
                with contextlib.suppress(OSError):
                    path.unlink()
        for folder in self._folder.parent.glob("*"):
            with contextlib.suppress(OSError):
                if folder != self._folder and now - folder.stat().st_mtime > OTHERS_REST:
                    shutil.rmtree(folder, ignore_errors=True)
