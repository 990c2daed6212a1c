"""Real servers on 127.0.0.1 for tests: a polite one that answers from a function, and a liar that follows a script."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """What a client sent. `headers` have lower-case names."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """What to answer. A `body` in pieces is sent without Content-Length, and then the connection is closed."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: Sequence[tuple[str, str]] | Mapping[str, str] = ()

    @property
    def header_list(self) -> list[tuple[str, str]]:
        return list(self.headers.items() if isinstance(self.headers, Mapping) else self.headers)


@dataclass
class Server:
    """A running server and what it was asked."""

    host: str
    port: int
    scheme: str = "http"
    log: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def peer(self) -> tuple[str, int]:
        """For `Guard(allowed_peers=...)`."""
        return self.host, self.port


Handler = Callable[[Request], Response]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # where many ask at once, none is to ask again a second later

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients under test hang up; that is no news."""


def _requests(handler: Handler, server: Server) -> type[BaseHTTPRequestHandler]:
    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are sent apart, and the body would wait 40 ms

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            split = urlsplit(self.path)
            request = Request(
                self.command,
                split.path,
                parse_qs(split.query, keep_blank_values=True),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            server.log.append(request)
            self._answer(handler(request))

        def _answer(self, response: Response) -> None:
            self.send_response(response.status)
            for name, value in response.header_list:
                self.send_header(name, value)
            if isinstance(response.body, bytes):
                if "content-length" not in {name.lower() for name, _ in response.header_list}:
                    self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(response.body)
                return
            self.close_connection = True
            self.end_headers()
            for piece in response.body:
                self.wfile.write(piece)
                self.wfile.flush()

        do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do_PATCH = _any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    return Requests


@contextmanager
def serve(handler: Handler, *, tls: tuple[Path, Path] | None = None, host: str = "127.0.0.1") -> Iterator[Server]:
    """A threaded server on a free port that answers with `handler`; `tls` is (certificate, key)."""
    server = Server(host, 0, "https" if tls else "http")
    listening = _Quiet((host, 0), _requests(handler, server))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
    server.port = listening.server_address[1]
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


@contextmanager
def nobody() -> Iterator[str]:
    """An address on this machine where nobody answers, nor will while the block runs: the port is held."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


# ---- the liar: one script for each connection ----------------------------------------------------------

Script = bytes | Callable[[socket.socket, bytes], None]


class Liar:
    """A raw socket server. Connection number n gets the n-th script, all later ones the last.

    A script is bytes to send before hanging up, or a function of the socket and the request's head. `requests` holds
    the heads, in order; `finished` counts connections that are over.
    """

    def __init__(self, *scripts: Script, host: str = "127.0.0.1", waits: bool = True) -> None:
        """With `waits` false the script begins at once, not after the request's head."""
        self.waits = waits
        self.scripts = scripts
        self.requests: list[bytes] = []
        self.finished = 0
        self._stopping = threading.Event()
        self._listening = socket.create_server((host, 0))
        self._listening.settimeout(0.05)
        self.host, self.port = self._listening.getsockname()[:2]
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def peer(self) -> tuple[str, int]:
        """For `Guard(allowed_peers=...)`."""
        return self.host, self.port

    def __enter__(self) -> Liar:
        self._accepting = self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._accepting.join()  # from now on nobody comes whom nobody would send away
        for conn in list(self._open):
            with suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=60)
        self._listening.close()

    def _spawn(self, what: Callable[..., None], *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        count = 0
        while not self._stopping.is_set():
            try:
                conn, _ = self._listening.accept()
            except TimeoutError:
                continue
            self._open.add(conn)
            self._spawn(self._serve, conn, self.scripts[min(count, len(self.scripts) - 1)])
            count += 1

    def _serve(self, conn: socket.socket, script: Script) -> None:
        conn.settimeout(60)
        with conn, suppress(OSError):
            head = _head(conn) if self.waits else b""
            self.requests.append(head)
            if isinstance(script, bytes):
                conn.sendall(script)
            else:
                script(conn, head)
        self._open.discard(conn)
        self.finished += 1


def _head(conn: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = conn.recv(65536)
        if not piece:
            break
        head += piece
    return head


def answer(body: bytes = b"", *, status: str = "200 OK", length: int | None = None, **headers: str) -> bytes:
    """An HTTP answer as bytes; `length` lies about the body's. Underscores in header names become hyphens."""
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if length is None or length >= 0:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def send(head: bytes) -> Callable[[socket.socket, bytes], None]:
    """Sends `head` and hangs up."""
    return lambda conn, _: conn.sendall(head)


def reset(head: bytes) -> Callable[[socket.socket, bytes], None]:
    """Sends `head`, waits until it is on its way, and breaks the connection with a TCP reset."""

    def script(conn: socket.socket, _: bytes) -> None:
        conn.sendall(head)
        time.sleep(0.05)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script


def drip(head: bytes, piece: bytes, *, every: float, most: int = 10_000) -> Callable[[socket.socket, bytes], None]:
    """Sends `head`, then `piece` at intervals until the client goes, `most` times at the most."""

    def script(conn: socket.socket, _: bytes) -> None:
        conn.sendall(head)
        for _count in range(most):
            time.sleep(every)
            conn.sendall(piece)

    return script


def endless(head: bytes, piece: bytes, *, most: int = 64 * 1024 * 1024) -> Callable[[socket.socket, bytes], None]:
    """Sends `head`, then `piece` again and again; stops at `most` bytes, so that a broken client ends too."""

    def script(conn: socket.socket, _: bytes) -> None:
        conn.sendall(head)
        for _count in range(most // len(piece)):
            conn.sendall(piece)

    return script


def hang(head: bytes, *, seconds: float = 30.0) -> Callable[[socket.socket, bytes], None]:
    """Sends `head` and says nothing more until the client goes."""

    def script(conn: socket.socket, _: bytes) -> None:
        conn.sendall(head)
        conn.settimeout(seconds)
        conn.recv(1)

    return script
