"""Answers that are costly to make are made anew beside the requests: nobody waits for them but the very first."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ...errors import OAError

log = logging.getLogger(__name__)


@dataclass
class Renewing:
    """What is being made anew, each address once at a time."""

    _at_work: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, address: str, make: Callable[[], object]) -> None:
        """Has it made by a thread of its own, unless one is at it. Where that fails, what was there stays."""
        with self._lock:
            if address in self._at_work:
                return
            self._at_work.add(address)
        try:
            threading.Thread(target=self._make, args=(address, make), name="renewing", daemon=True).start()
        except RuntimeError as error:  # there are as many threads as there may be
            self._ended(address)
            log.warning("%s stays as it is: %s", _path(address), error)

    def _make(self, address: str, make: Callable[[], object]) -> None:
        try:
            make()
        except OAError as error:
            log.warning("%s stays as it is: %s", _path(address), error)
        except Exception:
            log.exception("%s stays as it is", _path(address))
        finally:
            self._ended(address)

    def _ended(self, address: str) -> None:
        with self._lock:
            self._at_work.discard(address)


def _path(address: str) -> str:
    return address.partition("\n")[0]
