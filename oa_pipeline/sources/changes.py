"""What happened to the data sources between two states of the source repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .keys import base_name, split_key


@dataclass(frozen=True, slots=True)
class Changes:
    """Keys by what happened to them, each sorted. A renamed key is in neither `added` nor `removed`."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()  # former and present key
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything happened at all."""
        return bool(self.added or self.removed or self.renamed or self.changed)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    """What turns `before` into `after`, both from partition key to the data source's digest.

    A removed and an added key of the same layer with the same digest are one renaming. Where several could be paired,
    those with the same data source name and the same file name go first.
    """
    gone = {key: before[key] for key in before.keys() - after.keys()}
    new = {key: after[key] for key in after.keys() - before.keys()}
    renamed = _renamed(gone, new)
    former, present = {old for old, _ in renamed}, {now for _, now in renamed}
    return Changes(
        added=tuple(sorted(new.keys() - present)),
        removed=tuple(sorted(gone.keys() - former)),
        renamed=tuple(sorted(renamed)),
        changed=tuple(sorted(key for key in before.keys() & after.keys() if before[key] != after[key])),
    )


def _renamed(gone: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str]]:
    candidates: dict[tuple[str, str], list[str]] = {}
    for key, digest in new.items():
        candidates.setdefault((digest, split_key(key).layer), []).append(key)
    pairs = [
        (_likeness(old, now), old, now)
        for old, digest in gone.items()
        if digest
        for now in candidates.get((digest, split_key(old).layer), ())
    ]
    taken: set[str] = set()
    found = []
    for _, old, now in sorted(pairs):
        if not taken & {old, now}:
            taken |= {old, now}
            found.append((old, now))
    return found


def _likeness(old: str, now: str) -> int:
    """How unlike two keys are; the likest pairs sort first."""
    before, after = split_key(old), split_key(now)
    return -sum(_equal((before.name, after.name), (base_name(before.source), base_name(after.source))))


def _equal(*pairs: tuple[str, str]) -> Iterable[bool]:
    return (one == other for one, other in pairs)
