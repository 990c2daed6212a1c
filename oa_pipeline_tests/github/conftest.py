from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from oa_pipeline.github.api import GitHub
from oa_pipeline.settings import Settings

from .fake import TOKEN, FakeGitHub, fake_github
from .intaking import World


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A GitHub."""
    with fake_github() as running:
        yield running


@pytest.fixture
def api(github: FakeGitHub) -> GitHub:
    """Our way to it."""
    return GitHub.from_settings(Settings(github_api=github.url, github_token=TOKEN, repository=github.repository))


@pytest.fixture
def world(github: FakeGitHub, api: GitHub, engine: sa.Engine) -> World:
    return World(github, api, engine)
