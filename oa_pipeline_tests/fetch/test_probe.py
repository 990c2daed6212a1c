"""Has it changed? Only proof says no; doubt is left to the content's hash."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.fetch import Guard, Probe, probe
from oa_pipeline.fetch.model import Validators
from oa_pipeline.fetch.probe import trusted
from oa_pipeline.sources.model import Protocol

from ..servers import Liar, Request, Response, answer, hang, serve
from .ftp_server import FtpServer, Lies
from .wishes import HERE, SMALL, source

OLD, NEW, FUTURE = (
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "Thu, 22 Oct 2015 07:28:00 GMT",
    "Tue, 19 Jan 2038 03:14:07 GMT",
)


def ask(url: str, held: Validators, guard: Guard = HERE, **more: Any) -> Probe:
    return probe(source(url, **more), held, budget=SMALL, guard=guard)


def honest(etag: str = "", date: str = "") -> Callable[[Request], Response]:
    """A server that knows conditions."""
    headers = {name: value for name, value in (("ETag", etag), ("Last-Modified", date)) if value}

    def handler(request: Request) -> Response:
        asked = request.headers
        same = asked["if-none-match"] == etag if "if-none-match" in asked else asked.get("if-modified-since") == date
        return Response(304 if same and (etag or date) else 200, b"" if same else b"data", headers)

    return handler


def forgetful(etag: str = "", date: str = "") -> Callable[[Request], Response]:
    """A server that ignores conditions."""
    headers = {name: value for name, value in (("ETag", etag), ("Last-Modified", date)) if value}
    return lambda _: Response(200, b"data", headers)


@pytest.mark.parametrize("kind", [honest, forgetful])
@pytest.mark.parametrize(
    ("held", "now", "state"),
    [
        (('"a"', ""), ('"a"', ""), "unchanged"),
        (('"a"', ""), ('"b"', ""), "changed"),
        (("", OLD), ("", OLD), "unchanged"),
        (("", OLD), ("", NEW), "changed"),
        (('"a"', OLD), ('"a"', OLD), "unchanged"),
        (('"a"', OLD), ('"b"', OLD), "changed"),
        (('W/"a"', ""), ('W/"a"', ""), "unknown"),
        (('W/"a"', OLD), ('W/"b"', OLD), "unchanged"),
        (("", FUTURE), ("", FUTURE), "unknown"),
        (('W/"a"', FUTURE), ('W/"a"', FUTURE), "unknown"),
        (("", ""), ('"a"', OLD), "unknown"),
        (('"a"', ""), ("", ""), "unknown"),
        (("", "yesterday"), ("", "yesterday"), "unknown"),
    ],
    ids=str,
)
def test_what_the_publishers_word_is_worth(
    kind: Callable[..., Any], held: tuple[str, str], now: tuple[str, str], state: str
) -> None:
    with serve(kind(*now)) as server:
        found = ask(server.url, Validators(*held))
    assert found.state == state
    if found.state != "unchanged":
        assert found.validators == Validators(*now)


def test_the_body_is_not_read() -> None:
    with Liar(hang(answer(length=10**12, ETag='"b"'))) as liar:
        assert ask(liar.url, Validators('"a"')).state == "changed"


def test_unchanged_to_somebody_who_has_nothing_is_nonsense() -> None:
    with serve(lambda _: Response(304)) as server:
        assert ask(server.url, Validators()).state == "unknown"


@pytest.mark.parametrize("status", [404, 403, 503])
def test_a_publisher_that_cannot_be_asked_is_unknown_and_the_run_will_say_why(status: int) -> None:
    held = Validators('"a"')
    with serve(lambda _: Response(status)) as server:
        found = probe(source(server.url), held, budget=SMALL.__class__(attempts=1), guard=HERE)
    assert (found.state, found.validators) == ("unknown", held)
    assert str(status) in found.why


def test_a_probe_goes_nowhere_that_a_fetch_may_not() -> None:
    with serve(honest('"a"')) as inside:
        found = ask(inside.url, Validators('"a"'), Guard())
    assert (found.state, inside.log) == ("unknown", [])
    assert "not a public address" in found.why


def test_request_headers_of_the_source_are_sent() -> None:
    with serve(honest('"a"')) as server:
        ask(server.url, Validators('"a"'), request_headers=(("Referer", "https://map/"),))
    assert server.log[0].headers["referer"] == "https://map/"


def test_a_local_file_is_known_by_size_and_time(tmp_path: Path) -> None:
    held = tmp_path / "x.csv"
    held.write_text("a")
    first = ask(held.as_uri(), Validators())
    assert first.state == "unknown"
    assert ask(held.as_uri(), first.validators).state == "unchanged"
    os.utime(held, (1, 1))
    assert ask(held.as_uri(), first.validators).state == "changed"
    held.write_text("ab")
    assert ask(held.as_uri(), first.validators).state == "changed"


def test_a_file_on_ftp_is_known_by_size_and_date() -> None:
    with FtpServer({"/x.csv": b"a"}) as server:
        first = ask(f"{server.url}/x.csv", Validators(), protocol=Protocol.FTP)
        assert ask(f"{server.url}/x.csv", first.validators).state == "unchanged"
        server.stamp = "20250102030405"
        assert ask(f"{server.url}/x.csv", first.validators).state == "changed"
        server.lies = Lies(no_size=True, no_mdtm=True)
        assert ask(f"{server.url}/x.csv", first.validators).state == "unknown"
    assert server.transfers == 0


def test_a_date_to_come_and_a_weak_etag_are_not_trusted() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert trusted(Validators('W/"a"', FUTURE), now) == Validators()
    assert trusted(Validators('"a"', OLD, 5, 6), now) == Validators('"a"', OLD, 5, 6)
    assert trusted(Validators("", FUTURE), datetime(2039, 1, 1, tzinfo=UTC)).last_modified == FUTURE
