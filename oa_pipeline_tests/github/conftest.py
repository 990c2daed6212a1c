from __future__ import annotations

from collections.abc import Iterator

import pytest

from oa_pipeline.github.api import GitHub
from oa_pipeline.settings import Settings
from oa_pipeline_tests.database import database, empty_database, engine, home, ledger_template, server

from .fake import TOKEN, FakeGitHub, fake_github

__all__ = ["database", "empty_database", "engine", "home", "ledger_template", "server"]


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A GitHub."""
    with fake_github() as running:
        yield running


@pytest.fixture
def api(github: FakeGitHub) -> GitHub:
    """Our way to it."""
    return GitHub.from_settings(Settings(github_api=github.url, github_token=TOKEN, repository=github.repository))
