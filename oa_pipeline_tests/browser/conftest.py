from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.publish.coverage import publish_coverage
from oa_pipeline.publish.store import open_store
from oa_pipeline_tests.database import open_folder, temporary
from oa_pipeline_tests.ledger.life import NOW
from oa_pipeline_tests.web.filled import Filled, fill
from oa_pipeline_tests.web.served import served

from .chromium import program, running
from .looking import Window

SCREENSHOTS = Path(__file__).resolve().parents[2] / ".screenshots"


@dataclass(frozen=True)
class Place:
    """A site that is served."""

    url: str
    filled: Filled


@pytest.fixture(scope="package")
def chromium() -> str:
    """Before anything is begun for its sake."""
    return program()


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """One for all."""
    with running() as found:
        yield found


@pytest.fixture(scope="package")
def window(browser: Browser) -> Window:
    """A window of it."""
    return Window(browser)


@pytest.fixture(scope="package")
def window_without_scripts(browser: Browser) -> Window:
    """One in which no page may run anything."""
    return Window(browser, scripts=False)


@pytest.fixture(scope="package")
def place(chromium: str, server: str, ledger_template: str) -> Iterator[Place]:
    """The real site, on gunicorn, with something of everything in its ledger."""
    with open_folder() as folder:
        for url in temporary(server, ledger_template):
            filled = fill(ledger_engine(url), folder / "store")
            publish_coverage(ledger_engine(url), open_store(str(folder / "store")), now=lambda: NOW)
            with served(url, folder) as site:
                yield Place(site.url, filled)


@pytest.fixture(scope="package")
def screenshots() -> Path:
    """A folder for them, kept until they are taken the next time."""
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS
