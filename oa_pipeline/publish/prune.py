"""Keeps the store small: what the rules of retention let go is removed, and whatever nobody knows of is named.

Results are marked in the ledger before their objects are deleted, so that it can be broken off anywhere and begun
again. What is current, and what a kept run shares, is never touched; fixed keys outside of the numbered folders never
are looked at. A whole run that has no row at all never goes: then it is the ledger that is not whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any, TypeVar

from ..ledger import forgetting, retention
from ..ledger.reading import Engine
from ..ledger.reindex import unknown_runs
from ..ledger.retention import Rule
from .results import LAST, NAMES
from .store import Listed, Store

T = TypeVar("T")

QUIET = timedelta(days=30)  # a pull request without a run
SPARE_BUILDS = 3  # former ones of each kind, for those who are still reading
GRACE = timedelta(days=1)  # after the end of a build, and for an upload that goes on
ORPHANED = timedelta(days=7)
BLOCK = 1000
_OF_A_RUN = re.compile(r"(?:runs|pr)/(\d+)/")
RUN_FOLDERS = ("runs/", "pr/")
FORMER, ORPHAN, FORGOTTEN = "of a former build", "known to nobody", "of runs that the ledger forgot"

Forget = Callable[[Sequence[str]], None]  # removes partitions of pull requests from Dagster


@dataclass(slots=True)
class Share:
    """What one reason comes to."""

    count: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Pruned:
    """What went, or would go: results and objects by reason, unfinished uploads, rows by table, partitions."""

    dry: bool
    results: dict[str, Share] = field(default_factory=dict)
    objects: dict[str, Share] = field(default_factory=dict)
    orphans: Share = field(default_factory=Share)
    orphan_keys: list[str] = field(default_factory=list)  # the first of them
    orphans_removed: bool = False
    forgotten: Share = field(default_factory=Share)  # never removed
    uploads: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    partitions: int = 0

    def as_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. `keep`: how long everything is kept; `orphans`: what nobody knows of goes, too."""

    keep: timedelta
    dry: bool = False
    orphans: bool = False


def prune(engine: Engine, store: Store, wish: Wish, *, now: datetime, forget: Forget = lambda keys: None) -> Pruned:
    """Removes what may go, and says what that was; with `dry` it only says so.

    Safe to break off and to repeat; whoever reads what goes, which is never what is current, finds it missing.
    Raises PublishError.
    """
    done = Pruned(wish.dry, orphans_removed=wish.orphans and not wish.dry)
    rule = Rule(now - wish.keep, now - QUIET)
    _results(engine, store, rule, done, now)
    builds = _Builds(engine, now)
    former: list[str] = []
    orphans: list[str] = []
    for found, reason in (*_of_builds(store, builds), *_of_runs(engine, store)):
        if reason == FORGOTTEN:
            _count(done.forgotten, found)
        elif reason == ORPHAN:
            if found.modified < now - ORPHANED:
                _count(done.orphans, found)
                orphans.append(found.key)
        else:
            _count(done.objects.setdefault(reason, Share()), found)
            former.append(found.key)
    done.orphan_keys = orphans[:BLOCK]
    _proposals(engine, now - QUIET, done, now, forget)
    if wish.dry:
        done.rows = forgetting.old_rows(engine, rule.since)
        return done
    store.delete([*former, *(orphans if wish.orphans else ())])
    done.uploads = store.sweep(now - GRACE)
    done.rows = forgetting.forget(engine, rule.since)
    return done


def _count(share: Share, found: Listed) -> None:
    share.count += 1
    share.bytes += found.size


def _results(engine: Engine, store: Store, rule: Rule, done: Pruned, now: datetime) -> None:
    """Marks what may go, then deletes what is marked, also by somebody who did not get to it."""
    found = retention.doomed(engine, rule)
    for one in found:
        share = done.results.setdefault(one.reason, Share())
        share.count += 1
        share.bytes += one.bytes
    if done.dry:
        return
    for block in _blocks(found):
        retention.mark(engine, rule, [one.run for one in block], {one.key for one in block}, now=now)
    for marked in _blocks(retention.marked(engine)):
        for run, prefix in marked:
            if _number(prefix) == run:  # whatever else the ledger says, only a run's own folder goes
                store.delete_prefix(prefix)
        retention.gone(engine, [run for run, _ in marked])


class _Builds:
    """What the ledger knows of things made of many runs."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        # In this order: what is published in between belongs to a build that stays.
        self.stays = retention.all_builds(engine, spare=SPARE_BUILDS, since=now - GRACE)
        self.named = retention.named_by_builds(engine)
        self.kinds = sorted({kind for kind, _ in self.stays})


def _of_builds(store: Store, builds: _Builds) -> Iterator[tuple[Listed, str]]:
    """The objects of former builds, each with its reason."""
    for kind in builds.kinds:
        for found in store.list(f"{kind}/"):
            number = found.key.removeprefix(f"{kind}/").partition("/")[0]
            if not number.isdecimal() or found.key in builds.named:
                continue
            stays = builds.stays.get((kind, int(number)))
            if stays is None:
                yield found, ORPHAN
            elif not stays:
                yield found, f"{FORMER} of {kind}"


def _of_runs(engine: Engine, store: Store) -> Iterator[tuple[Listed, str]]:
    """Objects in the folders of runs that know nothing of them, each with its reason."""
    for folder in RUN_FOLDERS:
        by_run = groupby(store.list(folder), key=lambda found: _number(found.key))
        for some in _blocks((number, list(group)) for number, group in by_run if number is not None):
            numbers = [number for number, _ in some]
            placed, unknown = retention.placed(engine, numbers), unknown_runs(engine, numbers)
            for number, group in some:
                if f"{folder}{number}/" not in placed:
                    whole = any(found.key == f"{folder}{number}/{NAMES[LAST]}" for found in group)
                    reason = FORGOTTEN if whole and number in unknown else ORPHAN
                    yield from ((found, reason) for found in group)


def _number(key: str) -> int | None:
    matched = _OF_A_RUN.match(key)
    return int(matched[1]) if matched else None


def _proposals(engine: Engine, before: datetime, done: Pruned, now: datetime, forget: Forget) -> None:
    keys = forgetting.quiet_proposals(engine, before)
    done.partitions = len(keys)
    if keys and not done.dry:
        forget(keys)
        forgetting.forget_proposals(engine, keys, now=now)


def _blocks(values: Iterable[T]) -> Iterator[list[T]]:
    left = iter(values)
    while block := list(islice(left, BLOCK)):
        yield block


def lines(done: Pruned) -> Iterator[tuple[str, str]]:
    """What went, or would go, for people: what, and how much of it."""
    for reason, share in done.results.items():
        yield f"results {reason}", f"{share.count:,}, {share.bytes:,} bytes"
    for reason, share in done.objects.items():
        yield f"objects {reason}", f"{share.count:,}, {share.bytes:,} bytes"
    stay = "" if done.orphans_removed or not done.orphans.count else ", listed only"
    yield "objects known to nobody", f"{done.orphans.count:,}, {done.orphans.bytes:,} bytes{stay}"
    if done.forgotten.count:
        said = f"{done.forgotten.count:,}, {done.forgotten.bytes:,} bytes, which stay: `oa reindex` enters their runs"
        yield f"objects {FORGOTTEN}", said
    if not done.dry:
        yield "uploads never finished", f"{done.uploads:,}"
    yield "partitions of quiet pull requests", f"{done.partitions:,}"
    for table, count in done.rows.items():
        yield f"rows of {table}", f"{count:,}"
