"""Where the runs of pull requests work: with less of everything, and a store in which only `pr/` may be changed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..settings import Settings
from .workplace import Workplace

if TYPE_CHECKING:
    from ..publish.store import Store

PREFIX = "pr/"


def limited(settings: Settings) -> Settings:
    """The settings as they hold for what anybody may propose: smaller budgets, and nothing of this machine."""
    seconds = settings.pull_request_seconds
    return replace(
        settings,
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

        return ConfinedStore(super().store(), PREFIX)


def for_proposals(workplace: Workplace) -> Workplace:
    """The place beside `workplace` where pull requests' runs are carried out."""
    return ProposalsWorkplace(given=workplace.settings, beat_seconds=workplace.beat_seconds)
