"""gunicorn's threads, with an end to their patience: whoever stalls or does not read gives his thread back.

Who has not sent a request's line and headers yet has no thread at all. The others are given time, but not that of
others: where somebody waits for a thread, whoever keeps one waiting is let go far sooner. Addresses take turns.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
from functools import partial
from typing import Any, NamedTuple

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from ..limits import household
from .arriving import Head
from .pace import Taken, taken
from .turns import Turns
from .unreadable import unreadable

SILENT_SECONDS = 5.0  # for a connection's first bytes to arrive
HEAD_SECONDS = 10.0  # for a request's line and headers to arrive
BODY_SECONDS = 60.0  # for what follows them
UPLOAD_SECONDS = 3600.0  # ... of a maintainer's file
STUCK_SECONDS = 60  # for which a reader may take nothing of an answer
# While others wait for a thread: for line and headers, for what follows, and how slowly an answer may be taken.
HURRIED_HEAD_SECONDS, HURRIED_BODY_SECONDS = 1.0, 3.0
HURRIED_SPAN, HURRIED_RATE = 3.0, 16 * 1024  # seconds to look at; bytes in a second
FAREWELL_SECONDS = 2.0  # for the rest of a request that was answered, from who does not hang up
PARTING_SECONDS = 0.5  # for the rest of a request that cannot be read, so that who is still sending reads why
UPLOADS = "/upload-cache"
WITH_BODY = frozenset({"CONTENT-LENGTH", "TRANSFER-ENCODING"})


class Due(NamedTuple):
    """When what is being read must be there; and while others wait."""

    last: float
    hurried: float

    @classmethod
    def within(cls, seconds: float, hurried: float) -> Due:
        """From now on."""
        now = time.monotonic()
        return cls(now + seconds, now + min(seconds, hurried))


class Worker(ThreadWorker):  # type: ignore[misc]
    """Threads that nobody can hold for long by sending slowly, or by not reading."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self._heads: dict[Any, tuple[Head, Due]] = {}  # by connection: those of which no thread has to know yet
        self._held: set[Any] = set()  # connections that have a thread
        self._due: dict[Any, Due] = {}  # by connection: those of which something is being read
        self._looked: dict[Any, tuple[float, Taken]] = {}  # by connection: when its pace was looked at, and what it was
        super().__init__(*args, **more)
        self._turns = Turns(self.cfg.threads)

    def enqueue_req(self, conn: Any) -> None:
        """See gunicorn: has a thread answer, which is called where something has come, or may have.

        Here it is not before line and headers have: until then they are waited for without a thread.
        """
        began = conn.parser.unreader.take_buffered() if conn.parser is not None else b""
        self._go_on(conn, Head(began), Due.within(HEAD_SECONDS if began else SILENT_SECONDS, HURRIED_HEAD_SECONDS))

    def handle(self, conn: Any) -> Any:
        """See gunicorn: reads a request, and answers it."""
        with contextlib.suppress(OSError):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", STUCK_SECONDS, 0))
        self._held.add(conn)
        self._wait_for_head(conn)
        try:
            goes_on = super().handle(conn)
            if not goes_on:
                self._wait_for_head(conn)
                _part(conn)
        finally:
            self._due.pop(conn, None)
            self._held.discard(conn)
        return goes_on

    def finish_request(self, conn: Any, fs: Any) -> None:
        """See gunicorn: a connection goes on, or ends; its thread is for whoever is next."""
        self._turns.done(_address(conn))
        super().finish_request(conn, fs)
        self._have_next_answered()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """See gunicorn: answers a request whose headers have arrived."""
        conn.sends = req.method not in {"GET", "HEAD"}
        if req.method == "POST" and req.path == UPLOADS:
            self._due[conn] = Due.within(UPLOAD_SECONDS, UPLOAD_SECONDS)
        elif any(name in WITH_BODY for name, _ in req.headers):
            self._due[conn] = Due.within(BODY_SECONDS, HURRIED_BODY_SECONDS)
        else:
            self._due.pop(conn, None)
        goes_on = super().handle_request(req, conn)
        self._wait_for_head(conn)  # for a body that nobody has read
        return goes_on

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """See gunicorn: a request that cannot be read is answered as all errors are, and nothing of it is repeated."""
        answer = unreadable(exc, self.wsgi.config["SETTINGS"])
        if answer is None:
            super().handle_error(req, client, addr, exc)
            return
        self.log.info("a request cannot be read: %s", type(exc).__name__)
        with contextlib.suppress(OSError):
            client.sendall(answer)
        _listen(client, PARTING_SECONDS)

    def murder_pending(self) -> None:
        """See gunicorn: called about every second. Nothing more is read of who is late; an answer still goes out.

        Who takes an answer too slowly while others wait gets no more of it.
        """
        now, hurry = time.monotonic(), bool(self._turns)
        self._end_of_patience(now)
        for conn, due in self._due.copy().items():
            if now > (due.hurried if hurry else due.last):
                self._due.pop(conn, None)
                _shut(conn.sock, socket.SHUT_RD)
        answered = self._held.copy() - self._due.keys() if hurry else set()
        self._looked = {conn: look for conn, look in self._looked.items() if conn in answered}
        for conn in answered:
            if self._crawls(conn, now):
                _shut(conn.sock, socket.SHUT_RDWR)

    def _go_on(self, conn: Any, head: Head, due: Due) -> None:
        """Takes what has come of a request, and has it answered once that can be, or waits for the rest."""
        silent = not head.bytes
        try:
            whole = head.take(conn.sock)
        except EOFError:
            self._close(conn)
            return
        if whole:
            self._have_answered(conn, head)
            return
        if silent and head.bytes:
            due = Due.within(HEAD_SECONDS, HURRIED_HEAD_SECONDS)
        self._heads[conn] = (head, due)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_more, conn))

    def _on_more(self, conn: Any, _: Any) -> None:
        self._go_on(conn, *self._taken_back(conn))

    def _taken_back(self, conn: Any) -> tuple[Head, Due]:
        self.poller.unregister(conn.sock)
        return self._heads.pop(conn)

    def _have_answered(self, conn: Any, head: Head) -> None:
        conn.init()
        conn.parser.unreader.unread(bytes(head.bytes))
        self._turns.wait(_address(conn), conn)
        self._have_next_answered()

    def _have_next_answered(self) -> None:
        while (conn := self._turns.next()) is not None:
            super().enqueue_req(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def _end_of_patience(self, now: float) -> None:
        """Who has begun a request and does not go on reads what was wrong with it; who is silent reads nothing.

        Where there are as many connections as there may be, those that wait for a request are let go far sooner.
        """
        crowded = self.nr_conns >= self.worker_connections
        late = [conn for conn, (_, due) in self._heads.items() if now > (due.hurried if crowded else due.last)]
        for conn in late:
            head, _ = self._taken_back(conn)
            if head.bytes:
                _shut(conn.sock, socket.SHUT_RD)
                self._have_answered(conn, head)
            else:
                self._close(conn)

    def _wait_for_head(self, conn: Any) -> None:
        self._due[conn] = Due.within(HEAD_SECONDS, HURRIED_HEAD_SECONDS)

    def _crawls(self, conn: Any, now: float) -> bool:
        """Whether the reader has taken next to nothing of an answer since it was looked at, and there is more for him.

        A connection whose answer is still being made has nothing that waits.
        """
        seen = taken(conn.sock)
        if seen is None or not seen.waiting:
            self._looked.pop(conn, None)
            return False
        began, before = self._looked.setdefault(conn, (now, seen))
        if now - began < HURRIED_SPAN:
            return False
        self._looked[conn] = (now, seen)
        return seen.bytes - before.bytes < HURRIED_RATE * (now - began)


def _address(conn: Any) -> str:
    return household(conn.client[0]) if conn.client else ""


def _shut(sock: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(how)


def _part(conn: Any) -> None:
    """Does the waiting that gunicorn's only loop would do: it listens for two seconds to who does not hang up.

    Who was still sending is listened to here, so that he reads why; who sent nothing has nothing more to say.
    """
    if getattr(conn, "sends", False):
        _listen(conn.sock, FAREWELL_SECONDS)
    else:
        _shut(conn.sock, socket.SHUT_RD)


def _listen(sock: socket.socket, seconds: float) -> None:
    """Says that there is no more, and takes in what still comes. The socket stays open: gunicorn closes it once.

    Where it finds a closed one, it counts one connection too few, and in the end stops without waiting for others.
    """
    with contextlib.suppress(OSError):
        util.close_graceful(sock.dup(), seconds)
    _shut(sock, socket.SHUT_RD)
