"""gunicorn's books of connections are right: by them it knows when nobody is served any more, and it may stop."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn

from oa_pipeline.settings import Settings
from oa_pipeline.web.serving.pace import taken
from oa_pipeline.web.serving.worker import Worker


@dataclass
class Application:
    """Says no to everything."""

    config: dict[str, Any]

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        start("405 Method Not Allowed", [("Content-Length", "0")])
        return []


@pytest.fixture
def worker(settings: Settings) -> Iterator[Worker]:
    config = Config()
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
