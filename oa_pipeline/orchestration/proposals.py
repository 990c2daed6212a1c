"""Where the runs of pull requests work: with less of everything, and a store in which only `pr/` may be changed."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..settings import Settings
from .workplace import Workplace

if TYPE_CHECKING:
    from ..publish.store import Store

PREFIX = "pr/"
NOT_THEIRS = "OA_GITHUB_"  # GitHub is told by others


def limited(settings: Settings) -> Settings:
    """The settings as they hold for what anybody may propose: smaller budgets, nothing of this machine, no secrets."""
    seconds = settings.pull_request_seconds
    return replace(
        settings,
        github_token="",
        github_secrets=(),
        github_app_id="",
        github_app_key="",
        allow_local_sources=settings.allow_local_sources and settings.dev,
        download_mib=min(settings.download_mib, settings.pull_request_download_mib),
        download_seconds=min(settings.download_seconds, seconds),
        convert_seconds=min(settings.convert_seconds, seconds),
        convert_cpu_seconds=min(settings.convert_cpu_seconds, seconds),
        convert_rows=min(filter(None, (settings.convert_rows, settings.pull_request_rows)), default=0),
    )


class ProposalsWorkplace(Workplace):
    """A workplace for runs of pull requests, beside another one."""

    @cached_property
    def settings(self) -> Settings:
        """The settings, limited."""
        return limited(self.given or Settings.from_env())

    def store(self) -> Store:
        """The store; what is published cannot be touched."""
        from ..publish.confined import ConfinedStore
        from ..publish.store import open_store

        settings = self.settings
        held = open_store(
            settings.store_location, endpoint=settings.s3_endpoint, url=settings.store_url,
            role=settings.pull_request_role, below=PREFIX,
        )  # fmt: skip
        return ConfinedStore(held, PREFIX)


def forget_github(environ: MutableMapping[str, str] = os.environ) -> None:
    """From here on this process, and what it starts, knows no way to GitHub."""
    for name in [name for name in environ if name.startswith(NOT_THEIRS)]:
        del environ[name]


def for_proposals(workplace: Workplace) -> Workplace:
    """The place beside `workplace` where pull requests' runs are carried out."""
    return ProposalsWorkplace(given=workplace.settings, beat_seconds=workplace.beat_seconds)
