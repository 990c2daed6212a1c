"""Under which names files of runs are saved: whose they are is asked of the ledger, and never waited for twice."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from ...errors import OAError
from ...ledger import queries
from ...publish.saved import run_of, whose

if TYPE_CHECKING:
    from ..site import Site

MOST = 5000  # runs whose names are held: of which data source a run is never changes
REST = 15.0  # seconds for which a ledger that did not answer is left alone: files are sent all the same


class Naming:
    """Holds the names that were asked for last. Threads may share it."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, str] = OrderedDict()
        self._lock = threading.Lock()
        self._rests_until = 0.0

    def whose(self, site: Site, key: str) -> str | None:
        """What the file of this key is saved as, apart from its kind; empty where its key says enough.

        None where the ledger does not answer, or knows no such run.
        """
        number = run_of(key)
        if number is None:
            return ""
        with self._lock:
            if number in self._held:
                self._held.move_to_end(number)
                return self._held[number]
            if time.monotonic() < self._rests_until:
                return None
        try:
            found = queries.named(site.ledger(), number)
        except OAError:
            self._rests_until = time.monotonic() + REST
            return None
        if found is None:
            return None
        name = whose(found["source"], found["layer"], found["name"], found["pull_request"])
        with self._lock:
            self._held[number] = name
            while len(self._held) > MOST:
                self._held.popitem(last=False)
        return name
