"""The beginning of a set: one look at the source repository, and every data source of it in the order of the work."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import OAError
from ..ledger import sets
from ..ledger.clock import database_time
from ..ledger.estimates import Estimate, estimates
from ..ledger.sets import Member, NewSet, SetRuns
from ..sources.repository import Repository, read_repository
from . import partitions

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..orchestration.workplace import Workplace

CLOSE = 3  # keys that an error about a pattern names


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. `only`: a glob of keys; `once`: the same `by` is given the set it was given before."""

    by: str
    only: str = ""
    force: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A set that was opened."""

    number: int
    members: int
    repository: str
    commit: str
    unreadable: int  # files of the repository


class NothingMatches(OAError):  # noqa: N818
    """The pattern matches no data source."""


def start_set(workplace: Workplace, instance: DagsterInstance, asked: Asked, *, now: datetime | None = None) -> Started:
    """Opens a set over the repository as it is now, with which partitions are made equal on the way.

    Raises SetRuns while another set is open, NothingMatches, and what reading the repository raises.
    """
    engine = workplace.ledger()
    moment = now or database_time(engine)
    running = sets.open_one(engine)
    if running is not None and not (asked.once and running["asked_by"] == asked.by):
        raise SetRuns(running["id"])
    place, repository = read_for_set(workplace)
    wanted = matching(list(repository.by_key), asked.only)
    partitions.apply(instance, engine, repository, now=moment)
    settings = workplace.settings
    known = estimates(engine, wanted, deadline=timedelta(seconds=settings.deadline_seconds))
    new = NewSet(
        repository=place,
        commit_sha=repository.commit or "",
        only=asked.only,
        asked_by=asked.by,
        force=asked.force,
        once=asked.once,
        deadline_at=moment + timedelta(seconds=settings.set_deadline_seconds),
    )
    members = in_order(hosts_of(repository, wanted), known)
    number = sets.open_set(engine, new, members, now=moment)
    return Started(number, len(members), place, repository.commit or "", len(repository.invalid))


def read_for_set(workplace: Workplace) -> tuple[str, Repository]:
    """What the set is made of: the name of the source repository, and all of it, read once."""
    place = partitions.location(workplace)
    return workplace.settings.sources or place, read_repository(place)


def matching(keys: Sequence[str], only: str) -> list[str]:
    """The keys that the glob matches, all without one. Raises NothingMatches, naming keys that are like it."""
    found = [key for key in keys if fnmatch.fnmatchcase(key, only)] if only else list(keys)
    if found:
        return found
    if not keys:
        raise NothingMatches("the source repository has no data sources", cure="see what OA_SOURCES names")
    close = difflib.get_close_matches(only, keys, CLOSE, cutoff=0.0)
    raise NothingMatches(
        f"no data source matches {only!r}",
        cure=f"keys look like {', '.join(close)}; `oa sources list '{only}'` tries a pattern",
    )


def hosts_of(repository: Repository, keys: Sequence[str]) -> dict[str, str]:
    """The publisher's host of each of these; empty where there is none."""
    from ..sources.hosts import host_of

    return {key: host_of(repository.by_key[key].data) for key in keys}


def in_order(hosts: Mapping[str, str], known: Mapping[str, Estimate]) -> list[Member]:
    """The members in the order in which they are taken, `hosts` being those of their keys.

    What never ran is first: it may take hours, and nobody wants to begin it when all else is done. Then the longest
    known; last those that only ever time out, which would otherwise hold slots for nothing while others wait.
    """

    def place(key: str) -> tuple[bool, bool, float, str]:
        estimate = known.get(key, Estimate(None))
        return estimate.dead, estimate.seconds is not None, -(estimate.seconds or 0.0), key

    return [Member(key, hosts[key], known.get(key, Estimate(None)).seconds) for key in sorted(hosts, key=place)]
