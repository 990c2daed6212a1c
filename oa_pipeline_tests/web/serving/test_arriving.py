"""Line and headers of a request are waited for by nobody, and known to be there as soon as they are."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from oa_pipeline.web.serving.arriving import LINE, LONGEST, Head

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A reader's end of a connection, and ours."""
    theirs, ours = socket.socketpair()
    for end in (theirs, ours):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LONGEST)
    with theirs, ours:
        yield theirs, ours


WHOLE = {
    "a-request": GET,
    "after-an-empty-line": b"\r\n" + GET,
    "with-a-body": b"POST / HTTP/1.1\r\n\r\nbody",
    "without-headers": b"GET / HTTP/1.0\r\n\r\n",
    "two": GET + GET,
    "nothing-but-empty-lines": b"\r\n\r\n",
    "a-line-that-ends-as-none-does": b"GET / HTTP/1.1\n",
    "a-header-that-ends-as-none-does": b"GET / HTTP/1.1\r\nHost: x\n",
    "a-line-without-end": b"G" * (LINE + 1),
    "headers-without-end": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (LONGEST // 6),
}
PART = {
    "in-the-line": b"GET /rob",
    "in-its-end": b"GET / HTTP/1.1\r\n",
    "in-the-headers": GET[:-4],
    "in-the-last-empty-line": GET[:-2],
    "after-an-empty-line": b"\r\n",
    "in-an-empty-line-after-one": b"\r\nGET / HTTP/1.1\r\n",
    "many-headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (LINE // 6 + 1),
}


@pytest.mark.parametrize("sent", WHOLE.values(), ids=WHOLE)
def test_what_can_be_read_or_never_will_be_is_for_a_thread(
    ends: tuple[socket.socket, socket.socket], sent: bytes
) -> None:
    theirs, ours = ends
    head = Head()
    theirs.sendall(sent)

    assert head.take(ours)
    assert sent.startswith(bytes(head.bytes))


@pytest.mark.parametrize("sent", PART.values(), ids=PART)
def test_for_the_rest_of_others_nobody_waits(ends: tuple[socket.socket, socket.socket], sent: bytes) -> None:
    theirs, ours = ends
    head = Head()
    theirs.sendall(sent)

    assert not head.take(ours)
    assert bytes(head.bytes) == sent
    theirs.shutdown(socket.SHUT_WR)
    assert head.take(ours), "who reads requests says what is wrong with it"


def test_it_may_come_byte_by_byte(ends: tuple[socket.socket, socket.socket]) -> None:
    theirs, ours = ends
    head = Head()
    for n in range(len(GET)):
        assert not head.take(ours)
        theirs.sendall(GET[n : n + 1])

    assert head.take(ours)
    assert bytes(head.bytes) == GET


def test_what_came_with_the_request_before_counts(ends: tuple[socket.socket, socket.socket]) -> None:
    theirs, ours = ends
    head = Head(GET[:10])
    assert not head.take(ours)
    theirs.sendall(GET[10:])

    assert head.take(ours)
    assert bytes(head.bytes) == GET


@pytest.mark.parametrize("leave", [socket.socket.close, lambda theirs: theirs.shutdown(socket.SHUT_WR)])
def test_who_leaves_without_a_word_sends_no_request(ends: tuple[socket.socket, socket.socket], leave: object) -> None:
    theirs, ours = ends
    leave(theirs)  # type: ignore[operator]

    with pytest.raises(EOFError):
        Head().take(ours)
    ours.close()
    with pytest.raises(EOFError):
        Head().take(ours)
