"""Where a fetch may not go, it does not go: the target sees no request."""

# ruff: noqa: SIM117 - a server's block around a client's reads better than one of many lines

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.errors import FetchError, Problem, Refused
from oa_pipeline.fetch.guard import Guard
from oa_pipeline.sources.model import Protocol

from ..servers import Response, serve
from .wishes import SMALL, source, transport


def names(**answers: list[str]) -> Any:
    """A resolver that knows `answers`; underscores in names are dots. Each look-up takes the next answer."""

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        known = answers[host.replace(".", "_")]
        picked = known.pop(0) if len(known) > 1 and known[0].startswith("then:") else None
        found = [picked.removeprefix("then:")] if picked else known
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, port)) for a in found]

    return resolve


@pytest.mark.parametrize(
    "url",
    [
        "gopher://host/x",
        "data:text/csv,a",
        "dict://host:11211/x",
        "jar:http://host/x!/y",
        "javascript:alert(1)",
        "\\\\host\\share\\x.csv",
        "https:\\\\host\\x",
        "//host/x",
        "/etc/passwd",
        "x.csv",
        "",
        "   ",
        "http://",
        "https:///x",
        "http://host:99999/x",
        "http://host:abc/x",
        "http://ho\nst/x",
        "http://host/x\r\nHost: other",
        "http://[::1/x",
        "https://" + "x" * 20_000,
        "ldap://host/x",
        "netdoc:///etc/passwd",
    ],
    ids=lambda url: url[:30] or "empty",
)
@pytest.mark.parametrize("guard", [Guard(), Guard(allow_local=True)], ids=["production", "local"])
def test_what_is_no_web_address_is_refused(url: str, guard: Guard) -> None:
    with pytest.raises(Refused) as refusal:
        guard.target(url)
    assert refusal.value.problem is Problem.REFUSED
    assert not refusal.value.retryable


def test_a_file_address_is_refused_unless_local_sources_are_allowed(tmp_path: Path) -> None:
    from oa_pipeline.fetch import fetch

    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    for protocol in (Protocol.HTTP, Protocol.FTP, Protocol.FILE):
        with pytest.raises(Refused, match="OA_ALLOW_LOCAL_SOURCES"):
            fetch(source(secret.as_uri(), protocol), tmp_path / "work", budget=SMALL, guard=Guard())


SPELLINGS = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST.",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "127.0.0.1.",
]


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_this_machine_is_reached(host: str) -> None:
    with serve(lambda _: Response(body=b"secret")) as inside:
        with transport(Guard()) as outside, pytest.raises((Refused, FetchError)) as refusal:
            outside.request("GET", f"http://{host}:{inside.port}/latest/meta-data", attempts=1)
        assert inside.log == []
    # Some spellings are no address to this machine's resolver, which is as good.
    assert isinstance(refusal.value, Refused) or "resolved" in str(refusal.value)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:808:808::5601:5601]",
        "192.0.0.192",
    ],
)
def test_metadata_services_are_refused_without_a_packet(host: str) -> None:
    with transport(Guard()) as outside, pytest.raises(Refused, match="not a public address"):
        outside.request("GET", f"http://{host}/latest/meta-data")


def test_a_public_name_of_a_private_address_is_refused() -> None:
    with serve(lambda _: Response(body=b"secret")) as inside:
        guard = Guard(resolve=names(public_example=["127.0.0.1"]))
        with transport(guard) as outside, pytest.raises(Refused, match=r"public\.example"):
            outside.request("GET", f"http://public.example:{inside.port}/")
        assert inside.log == []


def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    with serve(lambda _: Response(body=b"secret")) as inside:
        guard = Guard(resolve=names(mixed_example=["8.8.8.8", "127.0.0.1"]))
        with transport(guard) as outside, pytest.raises(Refused):
            outside.request("GET", f"http://mixed.example:{inside.port}/")
        assert inside.log == []


def test_a_name_that_changes_its_answer_does_not_lead_inside() -> None:
    with serve(lambda _: Response(302, headers={"Location": "/again", "Connection": "close"})) as allowed:
        with serve(lambda _: Response(body=b"secret")) as inside:
            answers = names(rebinding_example=["then:127.0.0.1", "then:127.0.0.2", "127.0.0.2"])
            guard = Guard(allowed_peers=frozenset({allowed.peer}), resolve=answers)
            with transport(guard) as outside, pytest.raises(Refused, match=r"127\.0\.0\.2"):
                outside.request("GET", f"http://rebinding.example:{allowed.port}/")
            assert len(allowed.log) == 1
            assert inside.log == []


def test_the_other_end_of_the_socket_decides_whatever_was_resolved() -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        with socket.create_connection(inside.getsockname()) as connected:
            with pytest.raises(Refused):
                Guard().check_peer(connected, "public.example")
            Guard(allowed_peers=frozenset({inside.getsockname()})).check_peer(connected, "public.example")


@pytest.mark.parametrize("port", [0, 21, 22, 25, 110, 143, 445, 1023, 2375, 3306, 5432, 6379, 9200, 11211, 27017])
def test_a_port_of_another_service_is_refused(port: int) -> None:
    with pytest.raises(Refused, match="port"):
        Guard().target(f"https://host:{port}/")


@pytest.mark.parametrize("port", [80, 443, 5443, 6080, 6443, 8080, 8087, 8399, 8443, 8814, 8815])
def test_a_port_that_publishers_use_is_not(port: int) -> None:
    assert Guard().target(f"https://host:{port}/").port == port


@pytest.mark.parametrize("url", ["ftp://host/x", "ftp://host:21/x"])
def test_ftp_is_spoken_at_its_own_port(url: str) -> None:
    assert Guard().target(url).port == 21
    with pytest.raises(Refused, match="port"):
        Guard().target("ftp://host:2121/x")


def test_credentials_are_taken_out_of_the_address() -> None:
    target = Guard().target("https://me:p%40ss@host/x#part")
    assert (target.user, target.password, target.url) == ("me", "p@ss", "https://host/x")
    assert target.authorization == "Basic bWU6cEBzcw=="
    assert Guard().target("ftp://me:p%40ss@host/x").url == "ftp://host/x"


def test_names_in_other_scripts_and_blanks_in_paths_are_sent_as_the_standards_say() -> None:
    target = Guard().target(" https://MÜNCHEN.example/Straßen und Häuser.csv ")
    assert target.host == "xn--mnchen-3ya.example"
    assert target.url == "https://xn--mnchen-3ya.example/Stra%C3%9Fen%20und%20H%C3%A4user.csv"


def test_a_name_that_does_not_exist_is_not_asked_for_again() -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(FetchError, match="cannot be resolved") as failure:
        Guard(resolve=resolve).connect("gone.example", 80, 1)
    assert not failure.value.retryable


def test_a_resolver_out_of_order_is() -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    with pytest.raises(FetchError) as failure:
        Guard(resolve=resolve).connect("some.example", 80, 1)
    assert failure.value.retryable
