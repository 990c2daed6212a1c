"""Signing in with GitHub: who gets in, for how long, and what cannot be forged, replayed or led astray."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from itsdangerous import timed

from oa_pipeline.errors import SettingsError
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline_tests.github.fake import FakeGitHub, fake_github
from oa_pipeline_tests.github.oauth import CLIENT_SECRET
from oa_pipeline_tests.web.maintainers import OURS, SITE, Browser, altered, query, settings_for


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with fake_github() as running:
        running.oauth.members["openaddresses"] = {"maintainer": "active", "invited": "pending"}
        running.oauth.teams["openaddresses/uploaders"] = {"maintainer": "active"}
        yield running


@pytest.fixture
def browser(github: FakeGitHub, tmp_path: Path) -> Browser:
    return Browser.at(settings_for(github, home=tmp_path), github)


def test_a_member_signs_in_and_out(browser: Browser) -> None:
    end = browser.sign_in()

    assert (end.status_code, end.headers["Location"]) == (302, "/upload-cache")
    assert "You are signed in as maintainer" in browser.get("/auth").text
    out = browser.post("/auth/logout")
    assert (out.status_code, out.headers["Location"]) == (302, "/auth")
    assert "You are signed in" not in browser.get("/auth").text


def test_github_is_asked_for_as_little_as_can_be_and_its_token_is_given_back(
    browser: Browser, github: FakeGitHub
) -> None:
    asked = query(browser.post("/auth/login").headers["Location"])
    assert asked["scope"] == "read:org"
    assert asked["redirect_uri"] == f"{SITE}/auth/callback"
    assert len(asked["state"]) >= 32

    browser.sign_in()

    assert github.oauth.tokens == {}
    assert len(github.oauth.given_back) == 1


def test_the_cookie_is_for_our_pages_alone_and_holds_no_token(browser: Browser, github: FakeGitHub) -> None:
    end = browser.sign_in()
    cookies = end.headers.getlist("Set-Cookie")

    session = next(one for one in cookies if one.startswith("__Host-oa-session="))
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=3600"):
        assert word in session
    assert "Domain" not in session
    assert github.oauth.given_back[0] not in str(cookies)
    assert CLIENT_SECRET not in str(cookies)
    assert end.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("who", "group", "status"),
    [
        ("maintainer", "", 302),
        ("stranger", "", 403),
        ("invited", "", 403),
        ("maintainer", "openaddresses/uploaders", 302),
        ("stranger", "openaddresses/uploaders", 403),
        ("maintainer", "another", 403),
        ("", "", 403),
        ("../../x", "", 403),
    ],
    ids=["member", "stranger", "invited", "team", "not-of-team", "other", "said-no", "no-name"],
)
def test_only_members_get_in(github: FakeGitHub, tmp_path: Path, who: str, group: str, status: int) -> None:
    browser = Browser.at(settings_for(github, home=tmp_path, upload_group=group), github)
    github.oauth.at_browser = who

    end = browser.sign_in()

    assert end.status_code == status
    assert ("__Host-oa-session" in str(end.headers.getlist("Set-Cookie"))) is (status == 302)
    assert github.oauth.tokens == {}


@pytest.mark.parametrize(
    "change",
    ["state=", "state=another", "state=%C3%A9", "code=", "code=" + "x" * 5000, "code=made-up"],
)
def test_what_github_did_not_send_is_refused(browser: Browser, change: str) -> None:
    back = browser.allow(browser.post("/auth/login").headers["Location"])
    name = change.partition("=")[0]
    kept = "&".join(one for one in back.partition("?")[2].split("&") if not one.startswith(name + "="))

    answer = browser.get(f"/auth/callback?{kept}&{change}")

    assert answer.status_code in {400, 403}
    assert "/upload-cache" not in answer.headers.get("Location", "")
    assert "You are signed in" not in browser.get("/auth").text


def test_a_sign_in_is_good_once_and_in_one_browser(browser: Browser, github: FakeGitHub) -> None:
    begun = browser.post("/auth/login").headers["Location"]
    back = browser.allow(begun)
    stranger = Browser(browser.client.application.test_client(), github)

    assert stranger.get(back).status_code == 400  # who lures somebody to the end of his own sign-in
    assert browser.get(back).status_code == 302
    assert browser.get(back).status_code == 400
    assert browser.get("/auth/callback").status_code == 400


@pytest.mark.parametrize("address", ["/auth/login", "/auth/logout", "/upload-cache?form=x"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": SITE},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://site.example.evil.example"},
        {"Origin": "http://site.example"},
        {"Origin": "null"},
        {},
    ],
    ids=str,
)
def test_forms_of_other_sites_are_refused(browser: Browser, address: str, headers: dict[str, str]) -> None:
    answer = browser.post(address, headers=headers)

    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_browser_that_names_only_the_origin_can_sign_in(browser: Browser) -> None:
    assert browser.post("/auth/login", headers={"Origin": SITE}).status_code == 303


@pytest.mark.parametrize("name", ["next", "url", "redirect_uri", "return_to"])
def test_nobody_is_sent_to_an_address_that_a_request_names(browser: Browser, github: FakeGitHub, name: str) -> None:
    evil = "//evil.example/"
    begun = browser.post(f"/auth/login?{name}={evil}", headers={**OURS, "Referer": "https://evil.example/"})
    assert begun.headers["Location"].startswith(f"{github.url}/login/oauth/authorize?")
    back = browser.allow(begun.headers["Location"]) + f"&{name}={evil}"
    end = browser.get(back, **{"X-Forwarded-Host": "evil.example", "Referer": "https://evil.example/"})
    assert end.headers["Location"] == "/upload-cache"
    out = browser.post(f"/auth/logout?{name}={evil}")
    assert out.headers["Location"] == "/auth"


def test_a_cookie_is_good_for_an_hour_and_only_as_it_was_given(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.sign_in()
    good = browser.client.get_cookie("__Host-oa-session", domain="site.example")
    assert good is not None
    for bad in (altered(good.value), good.value.swapcase(), "x", "", good.value + "."):
        browser.client.set_cookie("__Host-oa-session", bad, domain="site.example", secure=True)
        assert "You are signed in" not in browser.get("/auth").text
    browser.client.set_cookie("__Host-oa-session", good.value, domain="site.example", secure=True)
    assert "You are signed in" in browser.get("/auth").text
    later = itertools.repeat(int(timed.time.time()) + 3602)
    monkeypatch.setattr(timed.time, "time", lambda: next(later))
    assert "You are signed in" not in browser.get("/auth").text


def test_a_cookie_of_one_purpose_is_not_one_of_another(browser: Browser) -> None:
    browser.post("/auth/login")
    begun = browser.client.get_cookie("__Host-oa-signin", domain="site.example")
    assert begun is not None
    browser.client.set_cookie("__Host-oa-session", begun.value, domain="site.example", secure=True)
    assert "You are signed in" not in browser.get("/auth").text


def test_when_github_does_not_answer_it_is_said_so(browser: Browser, github: FakeGitHub) -> None:
    back = browser.allow(browser.post("/auth/login").headers["Location"])
    github.oauth.broken = True
    answer = browser.get(back)
    assert answer.status_code == 502
    assert "GitHub does not answer" in answer.text


def test_nobody_has_github_asked_without_end(github: FakeGitHub, tmp_path: Path) -> None:
    browser = Browser.at(settings_for(github, home=tmp_path, rate_limit=2), github)
    back = browser.allow(browser.post("/auth/login").headers["Location"]).replace("code=", "code=x")
    begun = browser.client.get_cookie("__Host-oa-signin", domain="site.example")
    assert begun is not None

    statuses = []
    for _ in range(4):
        statuses.append(browser.get(back).status_code)
        browser.client.set_cookie("__Host-oa-signin", begun.value, domain="site.example", secure=True)

    assert statuses == [403, 403, 429, 429]
    assert sum("access_token" in one.path for one in github.requests) == 2


def test_without_an_oauth_app_there_are_no_such_addresses(tmp_path: Path) -> None:
    client = create_app(Settings(home=tmp_path, dev=True)).test_client()
    for method, address in (
        ("GET", "/auth"), ("POST", "/auth/login"), ("GET", "/auth/callback"), ("POST", "/auth/logout"),
        ("GET", "/upload-cache"), ("POST", "/upload-cache"), ("GET", "/upload-cache/done"),
    ):  # fmt: skip
        assert client.open(address, method=method).status_code == 404


@pytest.mark.parametrize(
    "settings",
    [
        Settings(github_client_id="x", github_secrets=("x",), public_url=SITE),
        Settings(
            github_client_id="x", github_client_secret="y", github_secrets=("x",), public_url="http://site.example"
        ),
    ],
    ids=["no-secret", "no-https"],
)
def test_a_sign_in_that_would_not_be_safe_is_refused_at_the_start(settings: Settings) -> None:
    with pytest.raises(SettingsError):
        create_app(settings)


def test_the_page_may_lead_to_github_and_nowhere_else(browser: Browser, github: FakeGitHub) -> None:
    policy = browser.get("/auth").headers["Content-Security-Policy"]
    assert f"form-action 'self' {github.url};" in policy + ";"
    assert "default-src 'none'" in policy
