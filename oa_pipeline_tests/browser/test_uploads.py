"""A maintainer at a real browser: signs in, names a file, uploads it; the policies of the pages let that happen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oa_pipeline_tests.database import open_folder, temporary
from oa_pipeline_tests.github.fake import FakeGitHub, fake_github
from oa_pipeline_tests.github.oauth import CLIENT_ID, CLIENT_SECRET
from oa_pipeline_tests.web.served import Served, free_port, served

from .looking import Window, barriers

DATA = b"number,street\n" + b"1,Main St\n" * 1000


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with fake_github() as running:
        running.oauth.members["openaddresses"] = {"maintainer": "active"}
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


@pytest.fixture
def site(chromium: str, server: str, ledger_template: str, github: FakeGitHub, folder: Path) -> Iterator[Served]:
    port = free_port()
    for url in temporary(server, ledger_template):
        settings = {
            "OA_WEB_PORT": str(port), "OA_PUBLIC_URL": f"http://127.0.0.1:{port}", "OA_GITHUB_API": github.url,
            "OA_GITHUB_CLIENT_ID": CLIENT_ID, "OA_GITHUB_CLIENT_SECRET": CLIENT_SECRET,
        }  # fmt: skip
        with served(url, folder, **settings) as running:
            yield running


def test_from_the_button_to_the_files_address(window: Window, site: Served, folder: Path, screenshots: Path) -> None:
    page = window.show(f"{site.url}/upload-cache")
    assert page.url == f"{site.url}/auth"
    assert barriers(page) == []
    page.screenshot(path=screenshots / "uploads-1.wide.png")
    page.get_by_role("button", name="Sign in with GitHub").click()

    page.wait_for_url(f"{site.url}/upload-cache")  # by way of GitHub
    assert "signed in as maintainer" in page.locator("main").inner_text()
    assert barriers(page) == []
    page.screenshot(path=screenshots / "uploads-2.wide.png")
    page.get_by_label("What shall the file be called?").fill("alameda.csv")
    with page.expect_navigation():  # to its end, not to its beginning
        page.get_by_role("button", name="Choose the file").click()

    assert barriers(page) == []
    page.screenshot(path=screenshots / "uploads-3.wide.png")
    chosen = folder / "mine.csv"
    chosen.write_bytes(DATA)
    page.locator("input[type=file]").set_input_files(chosen)
    page.get_by_role("button", name="Upload").click()

    page.wait_for_url(f"{site.url}/upload-cache/done?**")
    assert barriers(page) == []
    page.screenshot(path=screenshots / "uploads-4.wide.png")
    address = page.locator("pre").inner_text().strip()
    (kept,) = (folder / "store" / "cache" / "uploads" / "maintainer").glob("*/alameda.csv")
    assert kept.read_bytes() == DATA
    assert address == f"{site.url}/files/cache/uploads/maintainer/{kept.parent.name}/alameda.csv"
    assert page.request.get(address).body() == DATA

    page.goto(f"{site.url}/auth")
    with page.expect_navigation():
        page.get_by_role("button", name="Sign out").click()
    page.goto(f"{site.url}/upload-cache")
    assert page.url == f"{site.url}/auth"
    assert window.complaints == []
