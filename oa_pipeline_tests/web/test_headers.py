"""The headers of every kind of answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from oa_pipeline.web import app
from oa_pipeline.web.app import asset, create_app
from oa_pipeline.web.site import Site

from .filled import Filled

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
}
BROWSER = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def broken(site: Site, filled: Filled) -> FlaskClient:
    """A site with an address whose page is a mistake."""
    made: Flask = create_app(site=site)
    made.add_url_rule("/mistake", "mistake", lambda: 1 // 0)
    return made.test_client()


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/sources.json", 200),
        ("GET", "static", 200),
        ("GET", "/sources", 308),
        ("GET", "/nothing", 404),
        ("GET", "/sources/?sort=x", 400),
        ("POST", "/", 405),
        ("OPTIONS", "/sources.json", 200),
        ("GET", "/mistake", 500),
        ("GET", "/healthz", 200),
        ("POST", "/hook", 401),
        ("GET", "/favicon.ico", 200),
        ("GET", "/sitemap.xml", 200),
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_every_answer_has_all_its_headers(
    broken: FlaskClient, method: str, address: str, status: int, accept: str
) -> None:
    answer = broken.open(
        asset("site.css") if address == "static" else address, method=method, headers={"Accept": accept}
    )

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "geolocation=()" in answer.headers["Permissions-Policy"]
    assert "Cache-Control" in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert "ZeroDivisionError" not in answer.text


def test_an_answer_that_nothing_has_changed_has_them_too(reader: FlaskClient) -> None:
    answer = reader.get("/", headers={"If-None-Match": reader.get("/").headers["ETag"]})

    assert answer.status_code == 304
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS


def test_without_https_nobody_is_told_to_use_it(site: Site) -> None:
    plain = Site(replace(site.settings, public_url="http://127.0.0.1:5000"))
    assert "Strict-Transport-Security" not in create_app(site=plain).test_client().get("/health").headers


def test_pages_are_ours_alone_and_data_is_for_everybody(reader: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in reader.get("/").headers
    answer = reader.get("/sources.json", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_static_files_never_change_under_their_address(reader: FlaskClient) -> None:
    for name in ("site.css", "icon.svg"):
        address = asset(name)
        answer = reader.get(address)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert reader.get(address, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
        assert reader.get(address.replace(".", ".0", 1)).status_code == 404
    assert len(reader.get(asset("site.css")).data) <= 8192


def test_what_lies_on_the_disk_later_is_not_sent_under_an_older_address(
    reader: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, sent = asset("site.css"), reader.get(asset("site.css")).data
    (tmp_path / "site.css").write_text("newer {}")
    monkeypatch.setattr(app, "STATIC", tmp_path)

    assert (asset("site.css"), reader.get(address).data) == (address, sent)


@pytest.mark.parametrize("address", ["/sources.json", "/state.txt", "/files/runs/1/out.parquet"])
def test_scripts_of_other_sites_may_ask_for_parts_and_for_what_has_changed(broken: FlaskClient, address: str) -> None:
    asked = {"Origin": "https://other.example", "Access-Control-Request-Headers": "if-none-match, range"}
    answer = broken.options(address, headers={**asked, "Access-Control-Request-Method": "GET"})

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert {"If-None-Match", "Range"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))


def test_a_corrected_slash_is_followed_by_scripts_of_other_sites(broken: FlaskClient) -> None:
    answer = broken.get("/sets", headers={"Origin": "https://other.example"})

    assert (answer.status_code, answer.headers["Location"], answer.data) == (308, "/sets/", b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
