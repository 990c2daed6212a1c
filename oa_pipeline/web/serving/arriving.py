"""A request's line and headers as they arrive: until they are whole, nobody has to wait for them."""

from __future__ import annotations

import socket

BLOCK = 8 * 1024
LONGEST = 64 * 1024  # bytes: of what is longer, whoever reads requests says that it is too long
LINE = 8 * 1024  # ... and so of a first line
END = b"\r\n"


class Head:
    """The bytes of a connection's next request that have come so far; some of what follows its headers may be there."""

    def __init__(self, begun: bytes = b"") -> None:
        self.bytes = bytearray(begun)

    def take(self, sock: socket.socket) -> bool:
        """Takes what has arrived, and waits for nothing. True: nothing that is to come changes how it is read.

        Raises EOFError where nobody will send a request any more.
        """
        while not self.whole():
            try:
                data = sock.recv(BLOCK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except OSError as error:
                raise EOFError from error
            if not data and not self.bytes:
                raise EOFError
            if not data:
                return True
            self.bytes += data
        return True

    def whole(self) -> bool:
        """Whether it can be read: to its end, or to what is wrong with it."""
        start = len(END) if self.bytes.startswith(END) else 0  # one empty line may come before a request
        if self.bytes.startswith(END, start) or self.bytes.find(END + END, start) >= 0 or len(self.bytes) > LONGEST:
            return True
        if len(self.bytes) > LINE and self.bytes.find(END, start, LINE) < 0:
            return True
        return self.bytes.count(b"\n") != self.bytes.count(END)  # lines end with both
