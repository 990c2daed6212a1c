"""Requests: redirects, headers, statuses, tries."""

# ruff: noqa: SIM117 - a server's block around a client's reads better than one of many lines

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.errors import FetchError, Refused, SourceError
from oa_pipeline.fetch.guard import Guard

from ..certificates import Authority
from ..servers import Liar, Request, Response, answer, nobody, reset, serve
from .wishes import HERE, SMALL, Clock, Naps, transport


def going(*where: str, status: int = 302) -> Callable[[Request], Response]:
    """Redirects from /0 to where[0], from /1 to where[1] ..., and answers "there" elsewhere."""

    def handler(request: Request) -> Response:
        step = request.path.strip("/")
        if step.isdigit() and int(step) < len(where):
            return Response(status, headers={"Location": where[int(step)]})
        return Response(body=b"there")

    return handler


# ---- redirects ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_and_the_last_address_is_told(status: int) -> None:
    with serve(going("/1", "end?x=1", status=status)) as server, transport() as here:
        reply = here.request("GET", f"{server.url}/0")
    assert (reply.body, reply.url) == (b"there", f"{server.url}/end?x=1")
    assert here.spent.requests == 3


def test_a_redirect_from_a_public_address_to_a_private_one_is_refused_unseen() -> None:
    with serve(lambda _: Response(body=b"secret")) as inside:
        with serve(going(f"{inside.url}/latest/meta-data")) as public:
            with transport(Guard(allowed_peers=frozenset({public.peer}))) as outside:
                with pytest.raises(Refused, match="not a public address"):
                    outside.request("GET", f"{public.url}/0")
        assert inside.log == []


@pytest.mark.parametrize("place", ["file:///etc/passwd", "gopher://h/", "data:,x", "http://h:22/", "//h:6379/"])
def test_a_redirect_to_what_is_no_web_address_is_refused(place: str) -> None:
    with serve(going(place)) as server:
        with transport(Guard(allowed_peers=frozenset({server.peer}))) as outside, pytest.raises(Refused):
            outside.request("GET", f"{server.url}/0")


def test_a_redirect_to_a_file_is_refused_even_where_local_files_may_be_named() -> None:
    with serve(going("file:///etc/passwd")) as server, transport(HERE) as here, pytest.raises(Refused):
        here.request("GET", f"{server.url}/0")


def test_ten_redirects_are_followed_and_eleven_are_not() -> None:
    with serve(going(*(f"/{n}" for n in range(1, 11)), "/11")) as server, transport() as here:
        assert here.request("GET", f"{server.url}/1").body == b"there"
        with pytest.raises(FetchError, match="more than 10 times"):
            here.request("GET", f"{server.url}/0")


def test_a_circle_of_redirects_is_noticed() -> None:
    with serve(going("/1", "/0")) as server, transport() as here:
        with pytest.raises(FetchError, match="circle"):
            here.request("GET", f"{server.url}/0")
        assert len(server.log) == 2


def test_a_server_that_wants_its_cookie_back_gets_it() -> None:
    def handler(request: Request) -> Response:
        if request.headers.get("cookie") == "seen=1":
            return Response(body=b"there")
        return Response(302, headers={"Location": "/", "Set-Cookie": "seen=1; path=/; HttpOnly"})

    with serve(handler) as server, transport() as here:
        assert here.request("GET", f"{server.url}/").body == b"there"


def test_our_headers_credentials_and_cookies_stay_with_the_host_they_are_for() -> None:
    with serve(lambda _: Response(body=b"there")) as other:
        home = going("/1", f"{other.url}/")

        def handler(request: Request) -> Response:
            found = home(request)
            return replace(found, headers={**dict(found.header_list), "Set-Cookie": "id=7"})

        with serve(handler) as server, transport(headers=[("Referer", "https://map/"), ("X-Key", "k")]) as here:
            here.request("GET", f"{server.url}/0".replace("//", "//me:secret@"))
    for asked in server.log:
        assert (asked.headers["referer"], asked.headers["x-key"]) == ("https://map/", "k")
        assert asked.headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert server.log[1].headers["cookie"] == "id=7"
    (asked,) = other.log
    assert not {"referer", "x-key", "authorization", "cookie"} & set(asked.headers)


def test_cookies_end_with_the_data_source() -> None:
    with serve(lambda _: Response(body=b"x", headers={"Set-Cookie": "id=7"})) as server:
        for _ in range(2):
            with transport() as here:
                here.request("GET", server.url)
    assert all("cookie" not in asked.headers for asked in server.log)


def test_a_posted_question_survives_a_move_and_becomes_a_get_where_the_server_says_so() -> None:
    for status, method, body in ((301, "POST", b"where=1%3D1"), (307, "POST", b"where=1%3D1"), (303, "GET", b"")):
        with serve(going("/end", status=status)) as server, transport() as here:
            here.request("POST", f"{server.url}/0", data={"where": "1=1"})
        assert (server.log[-1].method, server.log[-1].body) == (method, body)


def test_a_redirect_down_to_plain_http_is_noted(tmp_path: Path) -> None:
    with serve(lambda _: Response(body=b"there")) as plain:
        with serve(going(f"{plain.url}/"), tls=Authority(tmp_path).issue("valid")) as secure:
            guard = Guard(allow_local=True, unverified_tls_hosts=frozenset({"127.0.0.1"}))
            with transport(guard, headers=[("X-Key", "k")]) as here:
                assert here.request("GET", f"{secure.url}/0").body == b"there"
    assert here.notes == ["tls: unverified (127.0.0.1)", "https: redirected to plain http (127.0.0.1)"]
    assert "x-key" not in plain.log[0].headers


# ---- what is sent ---------------------------------------------------------------------------------------


def test_requests_say_who_we_are_and_send_what_the_source_asks_for() -> None:
    with serve(lambda _: Response(body=b"x")) as server, transport(headers=[("Referer", "https://map/")]) as here:
        here.request("GET", f"{server.url}/q?a=1", params={"b": "2 3"})
    (asked,) = server.log
    assert asked.headers["user-agent"].startswith("openaddresses-pipeline/")
    assert asked.headers["accept-encoding"] == "gzip"
    assert asked.headers["referer"] == "https://map/"
    assert asked.query == {"a": ["1"], "b": ["2 3"]}


def test_a_source_may_name_its_own_user_agent() -> None:
    with serve(lambda _: Response(body=b"x")) as server, transport(headers=[("user-agent", "Mozilla/5.0")]) as here:
        here.request("GET", server.url)
    assert server.log[0].headers["user-agent"] == "Mozilla/5.0"


@pytest.mark.parametrize(
    "header",
    [("X", "a\r\nHost: inside"), ("X\r\nY", "a"), ("", "a"), ("Host", "inside"), ("Transfer-Encoding", "chunked")],
    ids=["line break in a value", "line break in a name", "no name", "host", "framing"],
)
def test_a_header_that_would_change_the_request_itself_is_the_sources_mistake(header: tuple[str, str]) -> None:
    with pytest.raises(SourceError, match="request header"):
        transport(headers=[header])


def test_proxies_and_netrc_of_the_environment_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(lambda _: Response(body=b"proxied")) as proxy, serve(lambda _: Response(body=b"direct")) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login me password secret\ndefault login me password secret\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        with transport() as here:
            assert here.request("GET", server.url).body == b"direct"
    assert proxy.log == []
    assert "authorization" not in server.log[0].headers


# ---- statuses and tries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 418, 451])
def test_a_refusal_is_told_with_its_cure_and_not_asked_again(status: int) -> None:
    with serve(lambda _: Response(status, b"<html>")) as server, transport() as here:
        with pytest.raises(FetchError, match=str(status)) as failure:
            here.request("GET", server.url)
    assert (failure.value.status, failure.value.retryable, len(server.log)) == (status, False, 1)
    assert failure.value.cure
    assert failure.value.place == server.url


@pytest.mark.parametrize("status", [408, 425, 429, 499 + 1, 501, 502, 503, 504, 520, 599])
def test_a_fault_is_an_error_and_not_data_and_asked_again(status: int) -> None:
    with serve(lambda _: Response(status, b'{"type": "FeatureCollection"}')) as server, transport() as here:
        with pytest.raises(FetchError, match=str(status)) as failure:
            here.request("GET", server.url)
    assert (failure.value.status, failure.value.retryable, len(server.log)) == (status, True, SMALL.attempts)


@pytest.mark.parametrize("status", [204, 205, 206, 304])
def test_an_answer_without_data_is_a_failure(status: int) -> None:
    with serve(lambda _: Response(status)) as server, transport() as here:
        with pytest.raises(FetchError, match=str(status)):
            here.request("GET", server.url)


def test_a_redirect_that_names_no_place_is_a_failure() -> None:
    with serve(lambda _: Response(302)) as server, transport() as here, pytest.raises(FetchError, match="302"):
        here.request("GET", server.url)


def test_a_passing_fault_is_survived_with_growing_pauses() -> None:
    numbers, naps = count(), Naps()
    with serve(lambda _: Response(200, b"x") if next(numbers) == 3 else Response(500)) as server:
        with transport(budget=replace(SMALL, attempts=5), sleep=naps) as here:
            assert here.request("GET", server.url).body == b"x"
    assert [low <= nap <= high for nap, low, high in zip(naps.taken, (0.5, 1, 2), (1, 2, 4), strict=True)] == [True] * 3


def test_one_try_means_one_try() -> None:
    with serve(lambda _: Response(503, headers={"Retry-After": "7"})) as server, transport() as here:
        with pytest.raises(FetchError) as failure:
            here.request("GET", server.url, attempts=1)
    assert (failure.value.retry_after, len(server.log)) == (7.0, 1)


def test_the_pause_a_server_asks_for_is_made() -> None:
    numbers, naps = count(), Naps()
    busy = Response(429, headers={"Retry-After": "17"})
    with serve(lambda _: Response(200, b"x") if next(numbers) else busy) as server:
        with transport(sleep=naps, clock=Clock()) as here:
            assert here.request("GET", server.url).body == b"x"
    assert naps.taken[0] == 17


def test_a_pause_beyond_the_budget_ends_the_download_at_once() -> None:
    naps = Naps()
    with serve(lambda _: Response(503, headers={"Retry-After": "86400"})) as server, transport(sleep=naps) as here:
        with pytest.raises(FetchError) as failure:
            here.request("GET", server.url)
    assert (len(server.log), naps.taken, failure.value.retryable) == (1, [], True)


@pytest.mark.parametrize(
    "script",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"nonsense\r\n\r\n", reset(b""), reset(answer(b"abc", length=9))],
    ids=["hangs up", "hangs up in the headers", "speaks no http", "resets", "resets in the body"],
)
def test_a_broken_connection_is_tried_again(script: Any) -> None:
    with Liar(script, answer(b"whole")) as liar, transport() as here:
        assert here.request("GET", liar.url).body == b"whole"


def test_a_server_that_is_not_there_is_tried_again_and_then_told() -> None:
    naps = Naps()
    with nobody() as address, transport(sleep=naps) as here:
        with pytest.raises(FetchError, match="nobody answers") as failure:
            here.request("GET", address)
    assert (len(naps.taken), failure.value.retryable) == (SMALL.attempts - 1, True)
