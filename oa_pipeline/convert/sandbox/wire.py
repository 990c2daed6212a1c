"""What goes over the sockets between a run, the fork server and a converter's keeper: one JSON object a message."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

MESSAGE_BYTES = 64 * 1024


def send(sock: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Sends one message (SOCK_SEQPACKET keeps its borders) and, with it, open files."""
    data = json.dumps(message).encode()
    if len(data) > MESSAGE_BYTES:
        raise ValueError(f"message of {len(data)} bytes")
    if fds:
        socket.send_fds(sock, [data], list(fds))
    else:
        sock.send(data)


def receive(sock: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its files; None when the other side is gone."""
    try:
        data, fds, _, _ = socket.recv_fds(sock, MESSAGE_BYTES, 8)
    except ConnectionResetError:
        return None, []
    if not data:
        return None, []
    for fd in fds:
        os.set_inheritable(fd, False)
    message: dict[str, Any] = json.loads(data)
    return message, list(fds)
