from __future__ import annotations

from collections.abc import Iterator

import pytest

from oa_pipeline.github.api import GitHub
from oa_pipeline.settings import Settings

from .fake import TOKEN, FakeGitHub, fake_github


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A GitHub."""
    with fake_github() as running:
        yield running


@pytest.fixture
def api(github: FakeGitHub) -> GitHub:
    """Our way to it."""
    return GitHub.from_settings(Settings(github_api=github.url, github_token=TOKEN, repository=github.repository))
