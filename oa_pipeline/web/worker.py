"""gunicorn's threads, with an end to their patience: whoever stalls or does not read gives his thread back."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from .unreadable import unreadable

HEAD_SECONDS = 10.0  # for a request's line and headers to arrive
BODY_SECONDS = 60.0  # for what follows them
UPLOAD_SECONDS = 3600.0  # ... of a maintainer's file
STUCK_SECONDS = 60  # for which a reader may take nothing of an answer
PARTING_SECONDS = 0.5  # for the rest of a request that cannot be read, so that who is still sending reads why
UPLOADS = "/upload-cache"


class Worker(ThreadWorker):  # type: ignore[misc]
    """Threads that nobody can hold for long by sending slowly, or by not reading."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self._due: dict[Any, float] = {}  # by connection: when what is being read of it must be there
        super().__init__(*args, **more)

    def handle(self, conn: Any) -> Any:
        """See gunicorn: reads a request, and answers it."""
        with contextlib.suppress(OSError):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", STUCK_SECONDS, 0))
        self._due[conn] = time.monotonic() + HEAD_SECONDS
        try:
            goes_on = super().handle(conn)
        finally:
            self._due.pop(conn, None)
        if not goes_on:
            _part(conn)
        return goes_on

    def handle_request(self, req: Any, conn: Any) -> Any:
        """See gunicorn: answers a request whose headers have arrived."""
        upload = req.method == "POST" and req.path == UPLOADS
        conn.sends = req.method not in {"GET", "HEAD"}
        self._due[conn] = time.monotonic() + (UPLOAD_SECONDS if upload else BODY_SECONDS)
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """See gunicorn: a request that cannot be read is answered as all errors are, and nothing of it is repeated."""
        answer = unreadable(exc, self.wsgi.config["SETTINGS"])
        if answer is None:
            super().handle_error(req, client, addr, exc)
            return
        self.log.info("a request cannot be read: %s", type(exc).__name__)
        with contextlib.suppress(OSError):
            client.sendall(answer)
        util.close_graceful(client, PARTING_SECONDS)

    def murder_pending(self) -> None:
        """See gunicorn: called about every second. Nothing more is read of who is late; an answer still goes out."""
        super().murder_pending()
        now = time.monotonic()
        for conn, due in self._due.copy().items():
            if now > due:
                self._due.pop(conn, None)
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)


def _part(conn: Any) -> None:
    """Does the waiting that gunicorn's only loop would do: it listens for two seconds to who does not hang up.

    Who was still sending is listened to here, so that he reads why; who sent nothing has nothing more to say.
    """
    if getattr(conn, "sends", False):
        util.close_graceful(conn.sock)
    else:
        with contextlib.suppress(OSError):
            conn.sock.shutdown(socket.SHUT_RD)
