"""Requests that no application ever sees get the shape of errors that all others have."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from oa_pipeline.web.headers import ALWAYS, POLICIES
from oa_pipeline_tests.database import open_folder, temporary

from ..served import Served, served
from .test_served_pages import ask

HOSTILE = b"<script>alert(1)</script>"
UNREADABLE = {
    "no-line": (b"%s\r\n\r\n" % HOSTILE, 400, "bad_request"),
    "no-version": (b"GET /sources/ %s\r\n\r\n" % HOSTILE, 400, "bad_request"),
    "a-header-without-a-name": (b"GET / HTTP/1.1\r\nHost: x\r\n: %s\r\n\r\n" % HOSTILE, 400, "bad_request"),
    "a-header-with-a-zero": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0%s\r\n\r\n" % HOSTILE, 400, "bad_request"),
    "two-lengths": (b"POST /hook HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "bad_request"),
    "length-and-chunks": (
        b"POST /hook HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "bad_request",
    ),
    "a-long-line": (b"GET /?q=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 16_000), 414, "request_uri_too_long"),
    "many-headers": (
        b"GET / HTTP/1.1\r\nHost: x\r\n%s\r\n" % b"".join(b"X-%d: y\r\n" % n for n in range(100)),
        431,
        "request_header_fields_too_large",
    ),
    "a-strange-coding": (
        b"POST /hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: %s\r\n\r\n" % b"telepathy",
        501,
        "not_implemented",
    ),
    "a-strange-expectation": (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417, "expectation_failed"),
}

CHUNKS = {
    "a-size-that-is-none": b"0x1\r\nx\r\n0\r\n\r\n",
    "less-than-nothing": b"-1\r\nx\r\n0\r\n\r\n",
    "an-extension-that-is-none": b"1;a\nb\r\nx\r\n0\r\n\r\n",
    "no-end-of-a-chunk": b"1\r\nxx0\r\n\r\n",
    "a-length-after-it": b"1\r\nx\r\n0\r\nContent-Length: 5\r\n\r\n",
}


@pytest.fixture(scope="module")
def site(server: str, ledger_template: str) -> Iterator[Served]:
    with open_folder() as folder:
        for url in temporary(server, ledger_template):
            with served(url, folder, OA_PUBLIC_URL="https://site.example", OA_GITHUB_SECRETS="s" * 20) as site:
                yield site


@pytest.mark.parametrize(("request_", "status", "code"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_request_that_cannot_be_read_is_answered_like_any_other_error(
    site: Served, request_: bytes, status: int, code: str
) -> None:
    with socket.create_connection((site.host, site.port), 120) as connection:
        connection.sendall(request_)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()

    assert answer.status == status, body
    error = json.loads(body)["error"]
    assert (error["code"], sorted(error)) == (code, ["code", "detail", "message"])
    assert all(error.values())
    assert b"script" not in body, "it repeats what the request said"
    expected = {
        **ALWAYS,
        "Content-Security-Policy": POLICIES["data"],
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Access-Control-Allow-Origin": "*",
        "Strict-Transport-Security": "max-age=31536000",
        "Connection": "close",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert ask(site, "/robots.txt")[0].status == 200


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_a_body_that_cannot_be_read_is_the_readers_mistake_and_not_ours(site: Served, chunks: bytes) -> None:
    head = (
        b"POST /hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n"
        b"X-Hub-Signature-256: sha256=%s\r\n\r\n" % (b"0" * 64)
    )
    with socket.create_connection((site.host, site.port), 120) as connection:
        connection.sendall(head + chunks + b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()
        try:
            more = connection.recv(1)
        except ConnectionResetError:
            more = b""

    assert answer.status == 400, body
    assert json.loads(body)["error"] == {"code": "bad_request", "message": "The request cannot be read."}
    assert more == b"", "what follows is not taken for another request"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCRIPT_NAME", "/nothing"),
        ("SCRIPT_NAME", "/robots.txt"),
        ("PATH_INFO", "/health"),
        ("X-Forwarded-Proto", "https\r\nX-Forwarded-Ssl: off"),
    ],
)
def test_no_proxy_of_this_host_says_what_was_asked_for(site: Served, name: str, value: str) -> None:
    usual, known = ask(site, "/robots.txt")
    answer, body = ask(site, "/robots.txt", **dict([(name, value.partition("\r")[0])]))
    with socket.create_connection((site.host, site.port), 120) as connection:
        connection.sendall(f"GET /robots.txt HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"

    assert (answer.status, body) == (usual.status, known) == (200, known)
