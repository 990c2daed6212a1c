"""Uploads by maintainers: what arrives lies in the store; what is too large, too late or of another place does not."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from itsdangerous import timed
from werkzeug.test import TestResponse

from oa_pipeline.publish.store import Store, open_store
from oa_pipeline.web.uploads.files import TYPES, content_type, new_key
from oa_pipeline_tests.github.fake import FakeGitHub, fake_github
from oa_pipeline_tests.servers import Server
from oa_pipeline_tests.web.maintainers import OURS, SITE, Browser, altered, settings_for
from oa_pipeline_tests.web.reading import parsed

from .s3_forms import amazon

DATA = b"number,street\r\n1,Main St\r\n" * 1000
MIB = 1024 * 1024
MULTIPART, END = "multipart/form-data; boundary=b", b"--b--\r\n"


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with fake_github() as running:
        running.oauth.members["openaddresses"] = {"maintainer": "active", "second": "active"}
        yield running


@pytest.fixture
def browser(github: FakeGitHub, tmp_path: Path) -> Browser:
    """A maintainer at a site whose store is a folder."""
    made = Browser.at(settings_for(github, home=tmp_path, upload_mib=1), github)
    assert made.sign_in().status_code == 302
    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def form(browser: Browser, name: str = "alameda.csv") -> str:
    """Where the form for a file of that name is sent."""
    page = browser.get(f"/upload-cache?name={name}")
    assert page.status_code == 200, page.text
    return parsed(page.text).all("form")[0].attributes["action"]


def part(name: str, data: bytes, more: str = "") -> bytes:
    """A part of a form."""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"


def file(data: bytes = DATA, name: str = "file") -> bytes:
    return part(name, data, '; filename="C:\\x\\..\\y.exe"')


def send(browser: Browser, action: str, body: bytes, headers: dict[str, str] | None = None) -> TestResponse:
    """Sends a form with these parts, as a browser does."""
    return browser.post(action, headers=headers, data=body + END, content_type=MULTIPART)


def keys(store: Store) -> list[str]:
    return [one.key for one in store.list("")]


def test_an_upload_lies_in_the_folder_and_its_address_is_told(browser: Browser, store: Store) -> None:
    sent = send(browser, form(browser), file())
    assert sent.status_code == 303
    done = browser.get(sent.headers["Location"])

    (key,) = keys(store)
    assert re.fullmatch(r"cache/uploads/maintainer/[0-9a-f]{16}/alameda\.csv", key)
    assert store.read(key, 0, 10**6) == DATA
    assert f"{SITE}/files/{key}" in done.text
    assert done.headers["Cache-Control"] == "no-store"


def test_who_has_not_signed_in_gets_no_form(browser: Browser, store: Store) -> None:
    action = form(browser)
    stranger = Browser(browser.client.application.test_client(), browser.github)

    assert stranger.get("/upload-cache").headers["Location"] == "/auth"
    assert stranger.get("/upload-cache?name=a.csv").headers["Location"] == "/auth"
    assert stranger.get("/upload-cache/done?file=x").headers["Location"] == "/auth"
    assert send(stranger, action, file()).status_code == 403
    assert keys(store) == []


def test_a_form_is_its_owners_alone(browser: Browser, store: Store) -> None:
    action = form(browser)
    done = send(browser, form(browser), file()).headers["Location"]
    browser.github.oauth.at_browser = "second"
    second = Browser(browser.client.application.test_client(), browser.github)
    second.sign_in()

    assert send(second, action, file()).status_code == 403
    assert second.get(done).status_code == 404
    assert len(keys(store)) == 1


@pytest.mark.parametrize("size", [0, 15, MIB + 1, MIB + 200_000], ids=["empty", "tiny", "large", "larger"])
def test_too_little_and_too_much_are_refused_and_nothing_is_stored(browser: Browser, store: Store, size: int) -> None:
    answer = send(browser, form(browser), file(b"x" * size))

    assert answer.status_code == (400 if size < 16 else 413)
    assert keys(store) == []


def test_exactly_as_much_as_is_allowed_is_taken(browser: Browser, store: Store) -> None:
    assert send(browser, form(browser), file(b"x" * MIB)).status_code == 303
    assert store.size(keys(store)[0]) == MIB


def test_a_body_without_length_is_counted_as_it_comes(browser: Browser, store: Store) -> None:
    answer = browser.post(
        form(browser),
        input_stream=BytesIO(file(b"x" * (MIB + 100)) + END),
        content_type=MULTIPART,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert keys(store) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (file(), MULTIPART),
        (b"file=" + DATA, "application/x-www-form-urlencoded"),
        (DATA, "text/csv"),
        (file() + END, "multipart/form-data"),
        (DATA, MULTIPART),
        (file() + file(name="more") + END, MULTIPART),
        (b"".join(part(f"f{n}", b"x") for n in range(50)) + file() + END, MULTIPART),
        (part("f", b"x" * 200_000) + file() + END, MULTIPART),
    ],
    ids=["broken-off", "urlencoded", "plain", "no-boundary", "no-form", "two-files", "many-fields", "long-field"],
)
def test_what_is_no_whole_form_with_one_file_is_refused(browser: Browser, store: Store, body: bytes, kind: str) -> None:
    answer = browser.post(form(browser), data=body, content_type=kind)

    assert answer.status_code in {400, 413}
    assert keys(store) == []


def test_a_form_is_good_for_ten_minutes(browser: Browser, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    action = form(browser)
    later = itertools.repeat(int(timed.time.time()) + 602)
    monkeypatch.setattr(timed.time, "time", lambda: next(later))

    assert send(browser, action, file()).status_code == 403
    assert keys(store) == []


def test_a_form_of_another_site_is_refused(browser: Browser, store: Store) -> None:
    action = form(browser)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        assert send(browser, action, file(), headers).status_code == 403
    assert keys(store) == []


def test_a_form_brings_one_file_and_never_another_over_it(browser: Browser, store: Store) -> None:
    action = form(browser)
    assert [send(browser, action, file()).status_code for _ in range(2)] == [303, 303]
    other = send(browser, action, file(b"y" * 1000))

    assert other.status_code == 409
    assert "Begin again at" in other.text
    assert store.read(keys(store)[0], 0, 10**6) == DATA


def test_a_form_that_was_altered_is_refused(browser: Browser, store: Store) -> None:
    action = form(browser)
    for bad in (altered(action), "/upload-cache?form=x", "/upload-cache", action.replace("form=", "form=e30.")):
        assert send(browser, bad, file()).status_code == 403
    assert keys(store) == []


@pytest.mark.parametrize(
    "name",
    [
        "../x.csv", "..", ".csv", "a/b.csv", "a\\b.csv", "a.exe", "a.html", "a.svg", "a", "a.csv%00", "é.csv",
        "a.csv%0d%0aX:1", "x" * 200 + ".csv", "-a.csv", "%3Cscript%3E.csv", "a%E2%80%AEfdp.csv", "a b.csv",
        "${filename}.csv",
    ],
)  # fmt: skip
def test_a_name_that_no_file_may_have_is_refused(browser: Browser, name: str) -> None:
    answer = browser.get(f"/upload-cache?name={name}")

    assert answer.status_code == 400
    assert "ending in one of .zip" in answer.text
    assert "<script>" not in answer.text


def test_every_type_has_keys_that_nobody_guesses() -> None:
    for ending in TYPES:
        assert content_type(f"Name-1.2_x{ending}") == TYPES[ending]
        assert content_type(f"NAME{ending.upper()}") == TYPES[ending]
    assert len({new_key("a", "b.csv") for _ in range(100)}) == 100


# with a bucket


@pytest.fixture
def s3(s3_server: str, bucket: str) -> Iterator[Server]:
    """An S3 that holds forms to their policies."""
    with amazon(s3_server) as server:
        yield server


@pytest.fixture
def with_bucket(github: FakeGitHub, tmp_path: Path, s3: Server, bucket: str) -> Browser:
    settings = settings_for(github, home=tmp_path, upload_mib=1, store=f"s3://{bucket}/some/prefix", s3_endpoint=s3.url)
    made = Browser.at(settings, github)
    assert made.sign_in().status_code == 302
    return made


def signed(browser: Browser, name: str = "alameda.csv") -> tuple[str, dict[str, str]]:
    """Where the form goes, and its fields."""
    document = parsed(browser.get(f"/upload-cache?name={name}").text)
    fields = {
        one.attributes["name"]: one.attributes["value"] for one in document.all("input") if "value" in one.attributes
    }
    return document.all("form")[0].attributes["action"], fields


def give(url: str, fields: dict[str, str], data: bytes = DATA) -> urllib3.BaseHTTPResponse:
    """Sends the form, as a browser does."""
    with urllib3.PoolManager() as pool:
        return pool.request("POST", url, fields={**fields, "file": ("x.bin", data)}, redirect=False, retries=False)


def test_an_upload_to_the_bucket_lands_and_its_address_is_told(with_bucket: Browser, bucket: str, s3: Server) -> None:
    page = with_bucket.get("/upload-cache?name=alameda.csv")
    assert f"form-action 'self' {s3.url};" in page.headers["Content-Security-Policy"] + ";"
    url, fields = signed(with_bucket)
    sent = give(url, fields)

    assert sent.status == 303, sent.data
    where = sent.headers["Location"]
    assert where.startswith(f"{SITE}/upload-cache/done?file=")
    done = with_bucket.get(where.removeprefix(SITE))
    key = fields["key"]
    assert re.fullmatch(r"some/prefix/cache/uploads/maintainer/[0-9a-f]{16}/alameda\.csv", key)
    assert f"{SITE}/files/{key.removeprefix('some/prefix/')}" in done.text
    with urllib3.PoolManager() as pool:
        found = pool.request("GET", f"{s3.url}/{bucket}/{key}")
    assert (found.data, found.headers["Content-Type"]) == (DATA, "text/csv; charset=utf-8")


def test_a_form_says_who_signed_it_and_no_secret(with_bucket: Browser) -> None:
    page = with_bucket.get("/upload-cache?name=a.csv").text
    assert "s3cr3t-w0rd" not in page
    assert "AWS4-HMAC-SHA256" in page
    assert with_bucket.get("/upload-cache?name=a.csv").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "some/prefix/cache/uploads/second/0123456789abcdef/alameda.csv"),
        ("key", "runs/1/out.csv"),
        ("key", "some/prefix/cache/uploads/maintainer/../x.csv"),
        ("Content-Type", "text/html"),
        ("success_action_redirect", "https://evil.example/"),
        ("acl", "public-read-write"),
        ("x-amz-meta-more", "x"),
    ],
)
def test_a_form_that_says_something_else_is_refused(with_bucket: Browser, field: str, value: str) -> None:
    url, fields = signed(with_bucket)
    answer = give(url, {**fields, field: value})
    assert answer.status == 403


@pytest.mark.parametrize("size", [0, 15, MIB + 1], ids=["empty", "tiny", "large"])
def test_the_bucket_takes_no_less_and_no_more(with_bucket: Browser, size: int) -> None:
    url, fields = signed(with_bucket)
    assert give(url, fields, b"x" * size).status == 403


def test_the_bucket_takes_nothing_after_ten_minutes(with_bucket: Browser, s3_server: str) -> None:
    url, fields = signed(with_bucket)
    with amazon(s3_server, hours_ahead=0.17) as late:
        address = late.url + urlsplit(url).path
        assert b"Policy expired" in give(address, fields).data
    with amazon(s3_server, hours_ahead=0.14) as in_time:
        assert give(in_time.url + urlsplit(url).path, fields).status == 303


def test_with_a_bucket_nothing_is_uploaded_to_the_site_itself(with_bucket: Browser) -> None:
    answer = send(with_bucket, "/upload-cache", file(), OURS)
    assert answer.status_code == 405


def test_what_was_not_uploaded_is_not_shown(with_bucket: Browser) -> None:
    _, fields = signed(with_bucket)
    where = fields["success_action_redirect"].removeprefix(SITE)
    assert with_bucket.get(where).status_code == 404
    assert with_bucket.get("/upload-cache/done?file=x&key=runs/1/x").status_code == 404
