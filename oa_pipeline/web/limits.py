"""How often one address may have something made for it: searches, and answers for programs.

What is at hand already costs nothing and is not counted. Each process of the site counts for itself.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network

from ..errors import OAError

READERS = 20_000  # that are remembered; whoever comes back after so many others starts anew
MINUTE = 60.0


class TooMany(OAError):  # noqa: N818 - a fact about a reader
    """This reader has to wait. `seconds`: for how long."""

    def __init__(self, seconds: int) -> None:
        super().__init__("That was asked too often", cure=f"wait {seconds} s; a page as others asked for it is free")
        self.seconds = seconds


@dataclass
class Limits:
    """As many at once as in a minute; what was spent comes back evenly. Threads may share it."""

    a_minute: int  # 0: any number
    clock: Callable[[], float] = time.monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)  # how many, and when
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spend(self, address: str) -> None:
        """Counts one for the reader at `address`. Raises TooMany."""
        if not self.a_minute:
            return
        who, now = household(address), self.clock()
        with self._lock:
            left, then = self._left.pop(who, (float(self.a_minute), now))
            left = min(float(self.a_minute), left + (now - then) * self.a_minute / MINUTE)
            self._left[who] = (left - 1 if left >= 1 else left, now)
            if len(self._left) > READERS:
                self._left.popitem(last=False)
        if left < 1:
            raise TooMany(max(1, math.ceil((1 - left) * MINUTE / self.a_minute)))


def household(address: str) -> str:
    """Whoever has one address of IPv6 has the 64 bits below it too; other addresses stand for themselves."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
