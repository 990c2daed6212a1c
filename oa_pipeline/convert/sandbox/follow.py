"""One walled process as its run sees it: what it says, how far it is, and what it is fed."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import wire
from .ring import Ring

OnEvent = Callable[[dict[str, Any]], None]
OnSaid = Callable[[bytes], None]
Send = Callable[[dict[str, Any], tuple[int, ...]], None]


class Follow:
    """The ends of one walled process that the run holds: control, events, what it says, and its standard input."""

    def __init__(
        self, on_event: OnEvent | None, *, fed: Iterable[bytes] | None = None, on_said: OnSaid | None = None
    ) -> None:
        """`fed` becomes the standard input, at the pace at which it is read; None: there is none."""
        self.stderr = Ring(64 * 1024)
        self._on_event, self._on_said = on_event, on_said
        self._pending = b""
        self._feed = _Feed(fed) if fed is not None else None

    @contextlib.contextmanager
    def ask(self, send: Send, job: dict[str, Any]) -> Any:
        """Hands the job over; leaving the block closes the control socket, which ends whatever still runs."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.events, events_theirs = os.pipe()
        self.said, said_theirs = os.pipe()
        fed = (self._feed.open(),) if self._feed is not None else ()
        try:
            try:
                send(job, (theirs.fileno(), events_theirs, said_theirs, *fed))
            finally:
                theirs.close()
                for end in (events_theirs, said_theirs, *fed):
                    os.close(end)
            yield self
        finally:
            # The keeper sees the control socket close, ends its converter and closes the pipes.
            self.control.close()
            if self._feed is not None:
                self._feed.close()
            _drain(self.said)
            os.close(self.events)
            os.close(self.said)

    def until_done(self) -> dict[str, Any] | None:
        """Reads, and feeds, everything until the keeper's report; None when the keeper itself was killed."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(self.events, selectors.EVENT_READ)
            selector.register(self.said, selectors.EVENT_READ)
            if self._feed is not None:
                selector.register(self._feed.end, selectors.EVENT_WRITE)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self.control:
                        report, _ = wire.receive(self.control)
                        self._read_rest()
                        return report
                    if not self._go_on(key.fd):
                        selector.unregister(key.fd)
                        if self._feed is not None and key.fd == self._feed.end:
                            self._feed.close()

    def _go_on(self, fd: int) -> bool:
        """Whether there is more to come at this end."""
        if self._feed is not None and fd == self._feed.end:
            return self._feed.give()
        return self._read(fd)

    def _read(self, fd: int) -> bool:
        data = os.read(fd, 64 * 1024)
        if fd == self.said:
            self.stderr.add(data)
            if data and self._on_said is not None:
                self._on_said(data)
        else:
            self._event_bytes(data)
        return bool(data)

    def _read_rest(self) -> None:
        for fd in (self.events, self.said):
            os.set_blocking(fd, False)
            with contextlib.suppress(BlockingIOError):
                while self._read(fd):
                    pass

    def _event_bytes(self, data: bytes) -> None:
        *lines, self._pending = (self._pending + data).split(b"\n")
        self._pending = self._pending[-wire.MESSAGE_BYTES :]
        for line in lines:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if self._on_event is not None and isinstance(event, dict):
                    self._on_event(event)


class _Feed:
    """What goes into a process's standard input, piece by piece, whenever it has room for more."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.end = -1
        self._pieces: Iterator[bytes] = iter(pieces)
        self._left = memoryview(b"")

    def open(self) -> int:
        """The end that the process reads."""
        theirs, self.end = os.pipe()
        os.set_blocking(self.end, False)
        return theirs

    def give(self) -> bool:
        """As much as there is room for; False once all is given, or nobody reads it any more."""
        try:
            while True:
                if not self._left:
                    self._left = memoryview(next(self._pieces))
                self._left = self._left[os.write(self.end, self._left) :]
        except BlockingIOError:
            return True
        except (StopIteration, BrokenPipeError):  # who stops reading tells why by how it ends
            return False

    def close(self) -> None:
        """Tells the reader that this was all."""
        if self.end >= 0:
            os.close(self.end)
            self.end = -1


def _drain(fd: int) -> None:
    """Waits for the last holder of the pipe's other end to go, so that nothing outlives `run`."""
    os.set_blocking(fd, True)
    while os.read(fd, 64 * 1024):
        pass
