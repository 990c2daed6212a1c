"""Who sends slowly, stalls, or does not read, keeps nobody else from being served."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from oa_pipeline.web.serve import THREADS
from oa_pipeline_tests.database import open_folder, temporary

from .serving import PATIENT, Served, served
from .test_served_pages import ask

# The site as it is, but for its patience.
HASTY = (
    "-c",
    f"{PATIENT}from oa_pipeline.web import worker; worker.HEAD_SECONDS = worker.BODY_SECONDS = 2; "
    "from oa_pipeline.cli import main; main()",
)
BEGINNINGS = {
    "in-the-line": b"GET /rob",
    "in-the-headers": b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n",
    "in-the-body": b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
}

HELD = 150  # connections; at two seconds for each, one after the other, they would outlast a reader's patience


def connected(site: Served) -> socket.socket:
    return socket.create_connection((site.host, site.port), 120)


@pytest.fixture(scope="module")
def hasty(server: str, ledger_template: str) -> Iterator[Served]:
    """Such a site."""
    with open_folder() as folder:
        for url in temporary(server, ledger_template):
            with served(url, folder, program=HASTY) as site:
                yield site


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_more_stalled_connections_than_threads_leave_the_site_to_others(hasty: Served, beginning: bytes) -> None:
    with ExitStack() as held:
        stalled = [
            held.enter_context(socket.create_connection((hasty.host, hasty.port), 120)) for _ in range(3 * THREADS)
        ]
        for one in stalled:
            one.sendall(beginning)

        answer, _ = ask(hasty, "/robots.txt")  # waits until some of them were given up

        assert answer.status == 200
        assert {one.recv(12) for one in stalled} <= {b"", b"HTTP/1.1 400"}


def test_who_does_not_hang_up_keeps_nobody_waiting(hasty: Served) -> None:
    with ExitStack() as held:
        lingering = []
        for _ in range(HELD):
            lingering.append(held.enter_context(connected(hasty)))
            lingering[-1].sendall(b"GET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

        assert ask(hasty, "/robots.txt")[0].status == 200
        assert {one.recv(12) for one in lingering} == {b"HTTP/1.1 200"}
