"""Chromium, as this machine has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserType, sync_playwright

from oa_pipeline.settings import Settings

STARTS = 150_000  # milliseconds in which it starts on a machine with much to do
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Read here, because no test sees a developer's own settings.
_SETTINGS = Settings.from_env(
    {name: value for name, value in os.environ.items() if name in {"OA_CHROMIUM", "OA_CHROMIUM_REQUIRED"}}
)


def program() -> str:
    """Its path. Without one the test is skipped, or fails where a browser is required."""
    named = (_SETTINGS.chromium,) if _SETTINGS.chromium else NAMES
    found = next((path for name in named if (path := shutil.which(name))), None)
    if found is None:
        said = f"there is no Chromium: none of {', '.join(named)}; install it, or name it in OA_CHROMIUM"
        if _SETTINGS.chromium_required:
            pytest.fail(said, pytrace=False)
        pytest.skip(said)
    return found


def begun(kind: BrowserType, *arguments: str) -> Browser:
    """A browser that has just been started with these arguments."""
    # As root it cannot have its own sandbox; it sees none but our pages.
    given = ["--no-sandbox", *arguments] if os.getuid() == 0 else [*arguments]
    return kind.launch(executable_path=program(), args=given, timeout=STARTS)


@contextmanager
def running() -> Iterator[Browser]:
    """A browser."""
    program()
    with sync_playwright() as playwright:
        browser = begun(playwright.chromium, "--disable-gpu")
        yield browser
        browser.close()
