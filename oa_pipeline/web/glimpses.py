"""The first rows of runs that a job's page shows: as the publisher gave them, and as they would be published."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..github.report.facts import Glimpse
from ..github.report.loading import facts_of
from ..ledger.reading import Row

if TYPE_CHECKING:
    from .site import Site

MOST = 200  # runs of which they are held: what a run wrote does not change
COLUMNS, TEXT = 40, 200  # that are shown
Pair = tuple[Glimpse, Glimpse]  # publisher's, published


class Glimpses:
    """Holds what was read last. Threads may share it."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, Pair] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, site: Site, members: Sequence[Row]) -> Mapping[str, Pair]:
        """Of each of these data sources of a job that has been run, by key."""
        run = [one for one in members if one["run_id"] is not None]
        with self._lock:
            known = {one["key"]: self._held[one["run_id"]] for one in run if one["run_id"] in self._held}
        new = [one for one in run if one["key"] not in known]
        facts = facts_of(site.ledger(), site.store(), new) if new else {}
        found = {key: (_shown(each.publisher), _shown(each.published)) for key, each in facts.items()}
        with self._lock:
            for one in new:
                pair = found[one["key"]]
                if one["ended_at"] is not None and not any(each.trouble for each in pair):
                    self._held[one["run_id"]] = pair
            while len(self._held) > MOST:
                self._held.popitem(last=False)
        return {**known, **found}


def _shown(seen: Glimpse) -> Glimpse:
    rows = tuple(_cut(row) for row in seen.rows)
    return replace(seen, columns=_cut(seen.columns), rows=rows)


def _cut(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell[:TEXT] for cell in cells[:COLUMNS])
