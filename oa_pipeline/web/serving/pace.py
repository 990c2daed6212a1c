"""How fast readers take what is sent to them, as the kernel tells it of their connections."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
from typing import NamedTuple

# Of Linux's tcp_info: how many bytes the other side has acknowledged.
_INFO = getattr(socket, "TCP_INFO", None)
_ACKNOWLEDGED = struct.Struct("=120xQ")


class Taken(NamedTuple):
    """What a reader has taken of all that was sent over a connection, and how many bytes wait for him."""

    bytes: int
    waiting: int


def taken(sock: socket.socket) -> Taken | None:
    """None where it cannot be known: of what is no TCP, or no longer connected, and on other systems than Linux."""
    if _INFO is None:
        return None
    try:
        (acknowledged,) = _ACKNOWLEDGED.unpack(sock.getsockopt(socket.IPPROTO_TCP, _INFO, _ACKNOWLEDGED.size))
        (waiting,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
    except (OSError, ValueError, struct.error):
        return None
    return Taken(acknowledged, waiting)
