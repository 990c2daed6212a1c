"""gunicorn's books of connections are right: by them it knows when nobody is served any more, and it may stop."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn

from oa_pipeline.settings import Settings
from oa_pipeline.web.serving import worker as serving
from oa_pipeline.web.serving.pace import taken
from oa_pipeline.web.serving.worker import Worker

from ..served import PATIENCE


@dataclass
class Application:
    """Hears everybody out, and says no to everything."""

    config: dict[str, Any]

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        environ["wsgi.input"].read()
        start("405 Method Not Allowed", [("Content-Length", "0")])
        return []


@pytest.fixture
def worker(settings: Settings) -> Iterator[Worker]:
    config = Config()
    config.set("threads", 3)
    made = Worker(1, os.getppid(), [], None, 30, config, Logger(config))
    made.wsgi = Application({"SETTINGS": settings})
    yield made
    made.tmp.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
        b"GET / HTTP/1.0\r\n\r\n",
        b"no request\r\n\r\n",
        b"GET / HTTP",
    ],
    ids=["whole", "broken-off", "old", "unreadable", "cut"],
)
def test_a_connection_that_ends_is_counted_once(worker: Worker, request_: bytes) -> None:
    ours, theirs = socket.socketpair()
    conn, done = TConn(worker.cfg, ours, ("127.0.0.1", 1), ("127.0.0.1", 2)), Future[Any]()
    worker.nr_conns = 3  # two others are served
    with theirs:
        theirs.sendall(request_)
        theirs.shutdown(socket.SHUT_WR)

        done.set_result(worker.handle(conn))
        worker.finish_request(conn, done)

    assert worker.nr_conns == 2
    assert ours.fileno() == -1, "it is closed"


@pytest.fixture
def running(worker: Worker) -> Iterator[Worker]:
    """It has the means to wait for connections, and threads; a test lets it look at them."""
    worker.poller = selectors.DefaultSelector()
    worker.method_queue.init()
    worker.poller.register(worker.method_queue.fileno(), selectors.EVENT_READ, worker.method_queue.run_callbacks)
    with ThreadPoolExecutor(worker.cfg.threads) as worker.tpool:
        yield worker
    for conn in (*worker._heads, *worker.keepalived_conns):
        conn.close()
    worker.poller.close()
    worker.method_queue.close()


@pytest.fixture
def reader(running: Worker) -> Iterator[socket.socket]:
    """Who has been accepted by it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), PATIENCE) as made,
    ):
        running.accept(server)
        yield made


def look_until(running: Worker, so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < until
        running.wait_for_and_dispatch_events(0.05)


def sent(running: Worker, reader: socket.socket, some: bytes) -> None:
    """The reader has sent some of a request, and the worker has taken it in."""
    reader.sendall(some)
    look_until(running, lambda: [bytes(head.bytes) for head, _ in running._heads.values()] == [some])


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_request_has_a_thread_once_its_headers_are_whole(running: Worker, reader: socket.socket) -> None:
    sent(running, reader, REQUEST[:10])
    running.murder_pending()
    assert (running.nr_conns, running._held) == (1, set())

    reader.sendall(REQUEST[10:] + REQUEST[:10])
    look_until(running, lambda: running.nr == 1 and len(running._heads) == 1)
    assert reader.recv(12) == b"HTTP/1.1 405"

    reader.sendall(REQUEST[10:])
    look_until(running, lambda: len(running.keepalived_conns) == 1)
    reader.close()
    look_until(running, lambda: running.nr_conns == 0)
    assert running._heads == {}


@pytest.mark.parametrize("some", [b"", REQUEST[:10]], ids=["silent", "begun"])
def test_who_hangs_up_is_forgotten(running: Worker, reader: socket.socket, some: bytes) -> None:
    sent(running, reader, some)
    reader.close()

    look_until(running, lambda: running.nr_conns == 0)
    assert running._heads == {}


@pytest.mark.parametrize(
    ("some", "crowded", "patience"),
    [
        (b"", False, "SILENT_SECONDS"),
        (b"", True, "HURRIED_HEAD_SECONDS"),
        (REQUEST[:10], False, "HEAD_SECONDS"),
        (REQUEST[:10], True, "HURRIED_HEAD_SECONDS"),
    ],
    ids=["silent", "silent-among-many", "begun", "begun-among-many"],
)
def test_who_does_not_go_on_is_let_go(
    running: Worker, some: bytes, crowded: bool, patience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SILENT_SECONDS", "HEAD_SECONDS", "HURRIED_HEAD_SECONDS"):
        monkeypatch.setattr(serving, name, -1.0 if name == patience else 3600.0)
    running.worker_connections = 1 if crowded else 1000
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), PATIENCE) as reader,
    ):
        running.accept(server)
        sent(running, reader, some)

        running.murder_pending()

        look_until(running, lambda: running.nr_conns == 0)
        assert reader.recv(12) == b""


def test_who_has_many_connections_does_not_have_all_threads(running: Worker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as other:
        try:
            other.bind(("127.0.0.2", 0))
        except OSError:
            pytest.skip("this machine has one address for itself")
        with ExitStack() as held:
            for _ in range(5):
                one = held.enter_context(socket.create_connection(server.getsockname(), PATIENCE))
                one.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
                running.accept(server)
            look_until(running, lambda: len(running._held) == 1 and not running._heads)
            other.settimeout(PATIENCE)
            other.connect(server.getsockname())
            other.sendall(REQUEST)
            running.accept(server)

            look_until(running, lambda: len(running.keepalived_conns) == 1)
            assert other.recv(12) == b"HTTP/1.1 405"
            assert len(running._held) == 1
        other.close()
        look_until(running, lambda: running.nr_conns == 0)


def test_what_a_reader_has_taken_is_known_of_tcp_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as reader:
        ours, _ = server.accept()
        with ours:
            ours.sendall(b"x" * 1000)
            assert reader.recv(1000, socket.MSG_WAITALL) == b"x" * 1000
            seen = taken(ours)
            assert seen is not None
            assert seen.bytes + seen.waiting in {1000, 1001}  # the beginning of a connection may count as a byte
        assert taken(ours) is None
    left, right = socket.socketpair()
    with left, right:
        assert taken(left) is None
