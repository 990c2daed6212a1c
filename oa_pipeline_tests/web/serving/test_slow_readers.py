"""Who sends slowly, stalls, or does not read, keeps nobody else from being served."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from oa_pipeline.web.serving.serve import THREADS
from oa_pipeline_tests.database import open_folder, temporary

from ..served import PATIENT, Served, served
from .test_served_pages import ask

# The site as it is, but for its patience.
HASTY = (
    "-c",
    f"{PATIENT}from oa_pipeline.web.serving import worker; worker.HEAD_SECONDS = worker.BODY_SECONDS = 2; "
    "from oa_pipeline.cli import main; main()",
)
# It has endless patience, but none while others wait for a thread; none has to wait for line and headers.
LENIENT = (
    "-c",
    f"{PATIENT}from oa_pipeline.web.serving import worker; "
    "worker.HEAD_SECONDS = worker.BODY_SECONDS = worker.STUCK_SECONDS = 600; "
    "worker.HURRIED_HEAD_SECONDS = 600; worker.HURRIED_BODY_SECONDS = worker.HURRIED_SPAN = 0; "
    "from oa_pipeline.cli import main; main()",
)
BEGINNINGS = {
    "in-the-line": b"GET /rob",
    "in-the-headers": b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n",
    "in-the-body": b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
}
WHOLE = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n"
STALLED = {
    **BEGINNINGS,
    "before-the-first-byte": b"",
    "in-a-body-that-is-read": BEGINNINGS["in-the-body"].replace(
        b"\r\n\r\n", b"\r\nX-Hub-Signature-256: sha256=%s\r\n\r\n" % (b"0" * 64)
    ),
    "in-the-second-request": WHOLE + b"GET /rob",
    "in-the-answers": b"GET /map/ground.geojson HTTP/1.1\r\nHost: x\r\n\r\n" * 100,
}
HELD = 150  # connections; at two seconds for each, one after the other, they would outlast a reader's patience


def unread(site: Served) -> socket.socket:
    """A connection that takes in little of what nobody reads."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    made.connect((site.host, site.port))
    return made


def connected(site: Served) -> socket.socket:
    return socket.create_connection((site.host, site.port), 120)


@pytest.fixture(scope="module")
def hasty(server: str, ledger_template: str) -> Iterator[Served]:
    """Such a site."""
    yield from site_of(server, ledger_template, HASTY)


@pytest.fixture(scope="module")
def lenient(server: str, ledger_template: str) -> Iterator[Served]:
    """Such a site."""
    yield from site_of(server, ledger_template, LENIENT)


def site_of(server: str, ledger_template: str, program: Sequence[str]) -> Iterator[Served]:
    with open_folder() as folder:
        for url in temporary(server, ledger_template):
            with served(url, folder, program=program) as site:
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


@pytest.mark.parametrize("beginning", STALLED.values(), ids=STALLED)
def test_nobody_is_waited_for_while_others_wait(lenient: Served, beginning: bytes) -> None:
    with ExitStack() as held:
        for one in [held.enter_context(unread(lenient)) for _ in range(3 * THREADS)]:
            one.sendall(beginning)

        assert ask(lenient, "/robots.txt")[0].status == 200


def test_who_is_slow_is_waited_for_while_nobody_else_waits(server: str, ledger_template: str) -> None:
    with ExitStack() as held:
        # A site of its own: those whom the other tests left may wait for a thread for a while after they are gone.
        lenient = held.enter_context(contextmanager(site_of)(server, ledger_template, LENIENT))
        slow = [held.enter_context(connected(lenient)) for _ in range(3)]
        for one in slow:
            one.sendall(WHOLE[:20])
        with connected(lenient) as silent:
            assert silent.recv(1) == b"", "the site has looked more than once who is late"
        for one in slow:
            one.sendall(WHOLE[20:])

        assert {one.recv(12) for one in slow} == {b"HTTP/1.1 200"}
