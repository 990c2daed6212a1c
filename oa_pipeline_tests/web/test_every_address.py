"""What holds for every address of the site, whoever added it: headers, methods, hosts, and what strangers wrote."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from oa_pipeline.web.headers import POLICIES

from .every import ALL, addresses
from .filled import SCRIPT, Filled
from .reading import parsed
from .test_headers import ALWAYS
from .test_hostile_texts import OURS
from .test_pages import READERS

# Where there is nothing yet, or where the answer is another address.
FOUND = {200, 302, 301, 308}
EVIL = "evil.example"
FORGED = {
    "Host": EVIL, "X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "gopher", "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "//evil.example", "X-Original-URL": "/evil", "X-Rewrite-URL": "/evil",
    "Forwarded": "host=evil.example;proto=gopher", "X-Host": EVIL, "X-Forwarded-Server": EVIL,
    "Referer": f"https://{EVIL}/", "Origin": f"https://{EVIL}", "User-Agent": SCRIPT,
}  # fmt: skip
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
pytestmark = pytest.mark.parametrize("path", ALL)


def ask(reader: FlaskClient, address: str, method: str = "GET", **headers: str) -> TestResponse:
    return reader.open(address, method=method, headers={"Accept": "text/html", **headers})


def policy_of(answer: TestResponse) -> str:
    return answer.headers["Content-Security-Policy"]


def test_every_answer_has_every_header(reader: FlaskClient, filled: Filled, path: str) -> None:
    for address in addresses(path, filled):
        for method, headers in (("GET", {}), ("HEAD", {}), ("POST", {}), ("GET", {"If-None-Match": "*"})):
            answer = ask(reader, address, method, **headers)
            assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS, (address, method)
            assert policy_of(answer) in POLICIES.values(), address
            assert "unsafe" not in policy_of(answer)
            assert "Cache-Control" in answer.headers
            assert "Set-Cookie" not in answer.headers
            for header in ("Server", "X-Powered-By"):
                assert header not in answer.headers


def test_it_is_there_once_asked_and_nothing_the_second_time(reader: FlaskClient, filled: Filled, path: str) -> None:
    for address in addresses(path, filled):
        answer = ask(reader, address)
        assert answer.status_code in FOUND | {404}, (address, answer.status_code)
        if answer.status_code != 200 or "ETag" not in answer.headers:
            continue
        again = ask(reader, address, **{"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b""), address
        head = ask(reader, address, "HEAD")
        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Length"] == answer.headers["Content-Length"], address


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND"])
def test_it_can_only_be_read(reader: FlaskClient, filled: Filled, path: str, method: str) -> None:
    for address in addresses(path, filled)[:2]:
        answer = ask(reader, address, method)
        assert answer.status_code == 405, (address, answer.status_code)
        assert "GET" in answer.headers["Allow"]
        tricked = ask(reader, address, **{"X-HTTP-Method-Override": method, "X-Method-Override": method})
        assert tricked.status_code == ask(reader, address).status_code


def test_no_header_has_a_say_in_what_others_will_read(reader: FlaskClient, filled: Filled, path: str) -> None:
    for address in addresses(path, filled):
        clean = ask(reader, address)
        forged = ask(reader, address, **FORGED)
        after = ask(reader, address)
        assert EVIL not in forged.text, address
        assert EVIL not in str(forged.headers), address
        assert (clean.status_code, clean.data) == (after.status_code, after.data), address
        if clean.status_code == 200:
            assert forged.data == clean.data, address
        varies = clean.headers.get("Vary", "Accept-Encoding")
        assert varies == "Accept-Encoding", address


def test_what_strangers_wrote_is_text(reader: FlaskClient, filled: Filled, path: str) -> None:
    for address in addresses(path, filled):
        answer = ask(reader, address)
        if answer.status_code != 200 or answer.mimetype != "text/html":
            if answer.status_code == 200 and answer.mimetype in READERS:
                READERS[answer.mimetype](answer.text)
            continue
        document = parsed(answer.text)
        assert not document.unclosed, address
        assert not document.all("iframe") + document.all("object") + document.all("style") + document.all("base")
        for one in document.elements:
            assert not [name for name in one.attributes if name.startswith("on") or name == "style"], (address, one)
            if one.tag in {"script", "img"}:
                assert one.attributes["src"].startswith(("/static/", "/files/")), (address, one)
                assert not one.text.strip(), (address, one)
        if path != "/licences/software":  # what is named there is what we have installed
            assert [href for href in document.links() if not href.startswith(OURS)] == [], address
        assert UNSEEN.search(answer.text) is None, address


def test_a_query_that_nobody_means_is_harmless(reader: FlaskClient, filled: Filled, path: str) -> None:
    many = "&".join(f"p{n}={n}" for n in range(1000))
    hostile = "&".join(f"{quote(SCRIPT)}={quote(SCRIPT)}" for _ in range(3))
    twice = "&".join(f"{one.name}=x" for one in ALL[path].query for _ in range(50))
    for address in addresses(path, filled)[:2]:
        usual = ask(reader, address).status_code
        assert ask(reader, f"{address}?{many}").status_code == usual
        assert ask(reader, f"{address}?{hostile}").status_code == usual
        assert ask(reader, f"{address}?{twice}").status_code in {usual, 400}
        for query in ("%", "%ff=%fe", "=&=&&&;", "a[]=1&a[b]=2", "q=%00", "\u202e=\u202e", "&" * 3000):
            answer = ask(reader, f"{address}?{query}")
            assert answer.status_code in {usual, 400}, (address, query)
            assert answer.mimetype != "text/html" or UNSEEN.search(answer.text) is None


SPLITS = ("%0d%0aSet-Cookie:%20a=b", "%0aX: y", "%E5%98%8A%E5%98%8DX:y", "%00", "%2e%2e/%2e%2e/x", "\\", "%5c%5cevil")


@pytest.mark.parametrize("end", SPLITS)
def test_no_address_splits_a_header_or_leads_elsewhere(
    reader: FlaskClient, filled: Filled, path: str, end: str
) -> None:
    for address in addresses(path, filled)[:1]:
        for asked in (address.rstrip("/") + end, address + end, f"//{EVIL}{address}", f"/\\{EVIL}{address}"):
            answer = ask(reader, asked)
            assert answer.status_code in FOUND | {400, 404}, (asked, answer.status_code)
            assert "Set-Cookie" not in answer.headers
            assert "X" not in answer.headers
            location = answer.headers.get("Location", "/")
            assert location.startswith("/"), (asked, location)
            assert not location.startswith(("//", "/\\")), (asked, location)
