"""What contributors, publishers and strangers write reaches nobody's browser as anything but text."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from oa_pipeline.web.forms import separated
from oa_pipeline.web.rendering import TEMPLATES, environment, link, safe_url

from .filled import HOSTILE, HOSTILE_KEY, SCRIPT, Filled
from .reading import parsed
from .test_pages import READERS

OURS = (
    "/",
    "#",
    "https://site.example/",
    "https://github.com/openaddresses/",
    "https://github.com/o/r/",
    "https://ac.example/",
)
ALLOWED = {"script": 0, "img": 0, "iframe": 0, "object": 0}


def addresses(filled: Filled) -> list[str]:
    return [
        "/",
        "/sources/",
        "/sources/?q=" + quote(SCRIPT),
        "/sources/?country=" + quote(HOSTILE.split("/")[0]),
        "/sources/" + quote(HOSTILE),
        f"/runs/{filled.hostile}/",
        f"/runs/{filled.hostile - 1}/",
        "/quality/",
        "/quality/?cause=" + quote(SCRIPT),
        "/quality/?host=" + quote(SCRIPT) + "&q=" + quote(SCRIPT),
        "/changes/",
        "/changes/?country=" + quote(SCRIPT[:40]),
        "/licences/",
        "/coverage/",
        "/coverage/us/",
        "/licences/?q=" + quote(SCRIPT),
        f"/sets/{filled.set_id}/",
        f"/sets/{filled.set_id}/?problem=" + quote(SCRIPT),
        "/sets/",
        "/jobs/",
        f"/jobs/{filled.pushed}",
        f"/runs/{filled.hostile - 1}/sample.html",
    ]


def test_no_text_becomes_markup_on_any_page(reader: FlaskClient, filled: Filled) -> None:
    for address in addresses(filled):
        answer = reader.get(address, headers={"Accept": "text/html"})
        document = parsed(answer.text)

        assert answer.status_code == 200
        assert {tag: len(document.all(tag)) for tag in ALLOWED} == ALLOWED, address
        assert not document.unclosed, address
        assert "49" not in answer.text.replace("1249", ""), address  # no template of theirs is carried out
        for one in document.elements:
            assert not [name for name in one.attributes if name.startswith("on")], address
        for href in document.links():
            assert href.startswith(OURS), href
        assert not any(c in answer.text for c in "\x07\x0b\x1b\x01\u202e\u2028"), address


def test_hostile_texts_are_shown_and_not_dropped(reader: FlaskClient, filled: Filled) -> None:
    text = parsed(reader.get(f"/runs/{filled.hostile}/").text).all("main")[0].text

    assert text.count("<script>alert(1)</script>") >= 4


def test_twins_of_hostile_texts_are_valid(reader: FlaskClient, filled: Filled) -> None:
    for address in (
        "/sources.json",
        "/sources.csv",
        "/sources.geojson",
        f"/runs/{filled.hostile}.json",
        f"/sources/{quote(HOSTILE)}.json",
        f"/sources/{quote(HOSTILE)}.atom",
        "/quality.json",
        "/quality.csv",
        "/quality.atom",
        "/changes.json",
        "/changes.atom",
        "/licences.json",
        "/licences.csv",
        "/licences.txt",
        "/coverage.json",
        "/coverage/us.csv",
    ):
        answer = reader.get(address)
        assert answer.status_code == 200, address
        READERS[answer.mimetype](answer.text)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if answer.mimetype == "text/csv":  # which people look at in terminals
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", answer.text), address
    table = list(csv.DictReader(io.StringIO(reader.get("/sources.csv").text), strict=True))
    assert [one["problem"] for one in table if one["source"] == HOSTILE] == [SCRIPT]
    feed = ElementTree.fromstring(reader.get(f"/sources/{quote(HOSTILE)}.atom").text)
    assert SCRIPT in "".join(feed.itertext())
    assert "NaN" not in json.dumps(reader.get(f"/runs/{filled.hostile}.json").get_json())


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x0b", "\x1b", "\x7f", "\x9b"])
def test_no_table_moves_a_cursor(sign: str) -> None:
    assert separated(["a", "b"], [[f"x{sign}[31m", "é°\t\n"]]) == 'a,b\r\nx [31m,"é°\t\n"\r\n'


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//evil.example/",
        "vbscript:x",
        "file:///etc/passwd",
        "https://",
        "http:x",
        "https://user:pw@x.example/",
        'https://x.example/" onclick=x',
        "https://x.example/\na",
        " ",
        "https://[x",
        "\x01javascript:alert(1)",
        "https:\\\\x.example",
        "https://x.example/\u202e",
    ],
)
def test_addresses_that_could_do_harm_are_text(address: str) -> None:
    assert safe_url(address) == ""
    assert "<a" not in link(address)


def test_other_addresses_are_links_that_lend_nothing() -> None:
    assert link("https://x.example/?a=1&b=2") == (
        '<a href="https://x.example/?a=1&amp;b=2" rel="noopener nofollow">https://x.example/?a=1&amp;b=2</a>'
    )


def test_every_template_escapes_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oa_pipeline.web.rendering.TEMPLATES", tmp_path)
    for name in ("x.txt", "x.md", "x.j2", "x.html.j2", "x.xml", "x"):
        (tmp_path / name).write_text("{{ it }}")
        assert environment().get_template(name).render(it="<b>") == "&lt;b&gt;", name


def test_no_template_marks_a_value_as_safe_or_is_of_another_kind() -> None:
    for path in TEMPLATES.rglob("*"):
        assert path.suffix == ".html", path
        assert "|safe" not in path.read_text().replace(" ", "")
        assert "autoescape" not in path.read_text()


def test_a_page_reads_samples_from_our_store_and_fetches_nothing(reader: FlaskClient, filled: Filled) -> None:
    data = reader.get(f"/runs/{filled.hostile - 1}.json").get_json()
    inner = [one["url"] for one in data["outputs"] if "169.254" in one["url"]]
    assert inner == ["/files/http%3A//169.254.169.254/latest"]


BAD = [
    ("/sources/?page=-1", 400),
    ("/sources/?page=0", 400),
    ("/sources/?page=1e9", 400),
    ("/sources/?page=abc", 400),
    ("/sources/?page=WyI-IixbXSwieCJd", 400),
    ("/sources/?page=" + "W" * 400, 400),
    ("/sources/?page=WyI-Iix0cnVlLCJ4Il0", 400),
    ("/sources/?page=WyI-IiwzLCJ4Il0", 400),
    ("/sources/?sort=;drop", 400),
    ("/sources/?sort=rows;drop%20table", 400),
    ("/sources/?per=1000000000", 400),
    ("/sources/?per=0", 400),
    ("/sources/?per=%D9%A3", 400),
    ("/sources/?order=sideways", 400),
    ("/sources/?q=" + "x" * 16_000, 400),
    ("/sources/?q=%00", 400),
    ("/sources/?q=%ff", 200),
    ("/sources/?" + "&".join(f"p{n}=1" for n in range(3000)), 200),
    ("/sources/us/ca/alameda?page=-1", 400),
    ("/sources/us/ca/alameda?page=99999999999999999999", 400),
    ("/coverage/xx/", 404),
    ("/coverage/..%2f/", 404),
    ("/coverage/\u00df/", 404),
    ("/coverage/?sort=name;drop", 400),
    ("/runs/-1/", 404),
    ("/runs/0/", 404),
    ("/runs/abc/", 404),
    ("/runs/9223372036854775807/", 404),
    ("/runs/9223372036854775808/", 404),
    ("/runs/1%00/", 404),
    ("/runs/\u0663/", 404),
    ("/sources/%00", 404),
    ("/sources/%ff", 404),
    ("/sources/..%2f..%2fetc%2fpasswd", 404),
    ("/sources/us/ca/alameda...", 404),
    ("/sources//us/ca/alameda", 404),
    ("/static/..%2fapp.py", 404),
    ("/static/site.css", 404),
    ("/sources/" + "x" * 3000, 404),
    ("/nothing", 404),
    ("/sets/?past=abc", 400),
    ("/sets/?n=-1", 400),
    ("/sets/0/", 404),
    ("/sets/abc/", 404),
    ("/sets/9223372036854775808/", 404),
    ("/sets/1/?outcome=;drop", 400),
    ("/sets/1/?problem=%00", 400),
    ("/sets/1/?page=" + "x" * 2000, 400),
    ("/sets/1/?page=abc", 400),
    ("/sets/1/..%2f..%2fstate.txt", 404),
    ("/jobs/?past=nothing", 400),
    ("/jobs/%ff", 404),
    ("/jobs/job-push?page=abc", 400),
    ("/latest/run/%00.zip", 404),
    ("/latest/run/" + "x" * 3000 + ".zip", 404),
    ("/latest/collections/..%2fx", 404),
    ("/tiles/%00/1.zip", 404),
    ("/tiles/" + "9" * 400 + "/1.zip", 404),
]


@pytest.mark.parametrize(("address", "status"), BAD, ids=[f"{address[:40]}" for address, _ in BAD])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_what_cannot_be_meant_is_refused_and_not_repeated(
    reader: FlaskClient, address: str, status: int, accept: str
) -> None:
    answer = reader.get(address, headers={"Accept": accept})

    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["Cache-Control"] == "no-store"
        assert len(answer.data) < 4000
        if accept == "application/json":
            assert set(answer.get_json()["error"]) == {"code", "message", "detail"}


def test_a_wrong_value_is_answered_with_what_is_allowed(reader: FlaskClient) -> None:
    error = reader.get("/sources.json?sort=colour").get_json()["error"]

    assert error == {
        "code": "bad_request",
        "message": "sort=colour cannot be used",
        "detail": "sort is one of name, rows, date, state",
    }


@pytest.mark.parametrize("what", [HOSTILE, HOSTILE_KEY], ids=["source", "data source"])
def test_a_page_of_any_name_links_to_itself_and_to_its_twins(reader: FlaskClient, what: str) -> None:
    document = parsed(reader.get("/sources/" + quote(what), headers={"Accept": "text/html"}).text)
    heads = [(one.attributes["rel"], one.attributes["href"]) for one in document.all("link")]
    hrefs = [href.removeprefix("https://site.example") for rel, href in heads if rel in {"canonical", "alternate"}]
    feed = ElementTree.fromstring(reader.get(next(one for one in hrefs if one.endswith(".atom"))).data)
    links = [one.attrib["href"] for one in feed.findall("{http://www.w3.org/2005/Atom}link")]

    assert len(hrefs) == 3
    assert len(links) == 2
    for href in (*hrefs, *(one.removeprefix("https://site.example") for one in links)):
        assert re.fullmatch(r"[/\w.%~-]+", href, re.ASCII), href
        assert reader.get(href).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("address", ["/", "/sources/", "/sources.json", "/runs/1/", "/healthz", "/robots.txt"])
def test_nothing_public_can_be_written(reader: FlaskClient, method: str, address: str) -> None:
    answer = reader.open(address, method=method)

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_no_header_of_a_request_has_a_say_in_an_address(reader: FlaskClient) -> None:
    forged = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.example",
    }
    for address in (
        "/",
        "/sources",
        "/runs/1",
        "/sources.json?per=1",
        "/sitemap.xml",
        "/robots.txt",
        "/index.json",
        "/nothing",
    ):
        answer = reader.get(address, headers=forged)
        assert "evil.example" not in answer.headers.get("Location", "")
        assert "evil.example" not in answer.text
