"""The fakes keep their promises."""

# ruff: noqa: SIM117 - a server's block around a client's reads better than one of many lines

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from .certificates import Authority
from .servers import Liar, Request, Response, answer, drip, endless, hang, nobody, reset, serve
from .web.served import free_port


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as reply:
        return bytes(reply.read())


def test_a_server_answers_from_its_function_and_remembers_what_it_was_asked() -> None:
    def handler(request: Request) -> Response:
        return Response(201, request.body + request.query["q"][0].encode(), {"X-Here": "yes"})

    with serve(handler) as server:
        asked = urllib.request.Request(f"{server.url}/path?q=1", data=b"body", headers={"X-Mine": "2"})
        with urllib.request.urlopen(asked, timeout=60) as reply:
            assert (reply.status, reply.read(), reply.headers["X-Here"]) == (201, b"body1", "yes")
    (request,) = server.log
    assert (request.method, request.path, request.headers["x-mine"]) == ("POST", "/path", "2")


def test_a_body_in_pieces_has_no_length() -> None:
    with serve(lambda _: Response(body=iter([b"a", b"b"]))) as server:
        with urllib.request.urlopen(server.url, timeout=60) as reply:
            assert (reply.read(), reply.headers["Content-Length"]) == (b"ab", None)


def test_a_server_is_gone_after_its_block() -> None:
    with serve(lambda _: Response()) as server:
        get(server.url)
    with pytest.raises(urllib.error.URLError):
        get(server.url)


def test_where_nobody_is_every_caller_is_refused_at_once() -> None:
    with nobody() as address:
        for _ in range(2):
            with pytest.raises(urllib.error.URLError, match="refused"):
                get(address)


def test_each_connection_of_a_liar_gets_its_own_script() -> None:
    with Liar(answer(b"one"), answer(b"two")) as liar:
        assert [get(liar.url), get(liar.url), get(liar.url)] == [b"one", b"two", b"two"]
    assert len(liar.requests) == 3


def test_a_liar_sends_less_than_it_says() -> None:
    with Liar(answer(b"abc", length=10)) as liar, pytest.raises(http.client.IncompleteRead):
        get(liar.url)


def test_a_liar_resets() -> None:
    with Liar(reset(answer(b"abc", length=10))) as liar, pytest.raises(ConnectionResetError):
        get(liar.url)


def test_a_drip_comes_in_single_pieces() -> None:
    with Liar(drip(answer(length=3), b"x", every=0.01, most=3)) as liar:
        assert get(liar.url) == b"xxx"


def test_an_endless_body_ends_for_the_sake_of_the_test() -> None:
    with Liar(endless(answer(length=-1), b"0123456789", most=1000)) as liar:
        assert len(get(liar.url)) == 1000


def test_a_hanging_answer_says_nothing_more() -> None:
    with Liar(hang(answer(b"abc", length=10))) as liar:
        connection = http.client.HTTPConnection(liar.host, liar.port, timeout=0.2)
        connection.request("GET", "/")
        with pytest.raises(TimeoutError):
            connection.getresponse().read()
        connection.close()


def test_a_port_that_is_free_stays_so_until_its_own_server_listens_there() -> None:
    port = free_port()
    assert port not in {free_port() for _ in range(50)}
    with socket.socket() as asking:
        assert asking.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
    with pytest.raises(OSError, match="in use"), socket.socket() as stranger:
        stranger.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port), 60):
        pass


def test_tls_is_spoken_with_the_certificate_given(tmp_path: Path) -> None:
    with serve(lambda _: Response(body=b"secret"), tls=Authority(tmp_path).issue("self-signed")) as server:
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(server.url, timeout=60, context=context) as reply:
            assert reply.read() == b"secret"
