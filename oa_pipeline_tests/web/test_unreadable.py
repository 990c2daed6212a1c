"""Requests that no application ever sees get the shape of errors that all others have."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from oa_pipeline.web.headers import ALWAYS, POLICIES
from oa_pipeline_tests.database import open_folder, temporary

from .serving import Served, served
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
    with socket.create_connection((site.host, site.port), 60) as connection:
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
