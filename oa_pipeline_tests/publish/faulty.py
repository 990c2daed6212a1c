"""A proxy before a real S3 server that does what networks and overloaded servers do."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Does = Callable[["Exchange"], None]


@dataclass
class Fault:
    """What becomes of the next `times` requests of this method whose target holds `text` (and not `lacks`)."""

    method: str
    does: Does
    text: str = ""
    lacks: str = "\0"
    times: int = 1

    def meets(self, method: str, target: str) -> bool:
        return self.times > 0 and method == self.method and self.text in target and self.lacks not in target


@dataclass
class Proxy:
    """Where it is, what it does, and what it was asked."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def count(self, method: str, text: str = "") -> int:
        return sum(1 for asked, target in self.asked if asked == method and text in target)


class Exchange:
    """One request, and the means to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: bytes, behind: str, proxy: Proxy) -> None:
        self.handler, self.body, self.proxy = handler, body, proxy
        self._behind = behind

    def forward(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """The answer of the server behind."""
        connection = http.client.HTTPConnection(self._behind, timeout=60)
        with contextlib.closing(connection):
            headers = {k: v for k, v in self.handler.headers.items() if k.lower() != "expect"}
            connection.request(self.handler.command, self.handler.path, self.body, headers)
            answer = connection.getresponse()
            dropped = {"connection", "transfer-encoding", "keep-alive"}
            return answer.status, [(k, v) for k, v in answer.getheaders() if k.lower() not in dropped], answer.read()

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.handler.send_response_only(status)
        for name, value in headers:
            self.handler.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.handler.send_header("Content-Length", str(len(body)))
        self.handler.send_header("Connection", "close")
        self.handler.end_headers()
        if self.handler.command != "HEAD":
            self.handler.wfile.write(body)


def through(exchange: Exchange) -> None:
    exchange.answer(*exchange.forward())


def lose_answer(exchange: Exchange) -> None:
    """The server does what it was asked; nobody hears of it."""
    exchange.forward()


def hang(exchange: Exchange) -> None:
    exchange.proxy.over.wait(30)


def refuse(status: int, code: str, **headers: str) -> Does:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b""
    return lambda exchange: exchange.answer(status, list(headers.items()), body)


def half(exchange: Exchange) -> None:
    """The answer breaks off in its middle."""
    status, headers, body = exchange.forward()
    exchange.answer(status, headers, body[: len(body) // 2])


def alter(name: str, value: str) -> Does:
    """The answer of the server behind with another value of this header."""

    def does(exchange: Exchange) -> None:
        status, headers, body = exchange.forward()
        kept = [(k, v) for k, v in headers if k.lower() != name]
        exchange.answer(status, [*kept, (name, value)], body)

    return does


@contextlib.contextmanager
def proxy_before(address: str) -> Iterator[Proxy]:
    """A proxy before the server at `address`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # so that nobody waits for "100 Continue"

        def any(self) -> None:
            self.close_connection = True
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.asked.append((self.command, self.path))
            does = through
            for fault in proxy.faults:
                if fault.meets(self.command, self.path):
                    fault.times -= 1
                    does = fault.does
                    break
            with contextlib.suppress(ConnectionError):
                does(Exchange(self, body, address.removeprefix("http://"), proxy))

        do_PUT = do_POST = do_GET = do_HEAD = do_DELETE = any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
