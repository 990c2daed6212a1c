"""Counts what a data source's download uses, and ends it where the budget does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import OverBudget
from .model import Budget
from .reply import Spent

MIB = 1024 * 1024


class Meter:
    """Bytes, requests and seconds of one data source against its budget. Safe to use from threads."""

    def __init__(self, budget: Budget, clock: Callable[[], float]) -> None:
        """The clock starts now."""
        self.budget = budget
        self.clock = clock
        self._started = clock()
        self._excused = 0.0
        self._bytes = 0
        self._requests = 0
        self._lock = threading.Lock()

    @property
    def spent(self) -> Spent:
        """What has been used so far."""
        with self._lock:
            return Spent(self._bytes, self._requests, self.clock() - self._started - self._excused)

    def excuse(self, seconds: float) -> None:
        """Takes time spent waiting for our own other downloads off the account."""
        with self._lock:
            self._excused += seconds

    def count_request(self) -> None:
        """One more request; raises OverBudget when there were too many."""
        with self._lock:
            self._requests += 1
            over = self._requests > self.budget.requests
        if over:
            raise OverBudget(f"more than {self.budget.requests} requests for one data source")
        self.seconds_left()

    def take(self, count: int) -> None:
        """`count` more bytes after decoding; raises OverBudget when they or the seconds are too many."""
        with self._lock:
            self._bytes += count
            over = self._bytes > self.budget.bytes
        if over:
            raise self.too_big()
        self.seconds_left()

    def expect(self, count: int) -> None:
        """Raises OverBudget when `count` bytes that are announced would be too many."""
        with self._lock:
            over = self._bytes + count > self.budget.bytes
        if over:
            raise self.too_big()

    def too_big(self) -> OverBudget:
        """The error of a download that is larger than it may be."""
        return OverBudget(
            f"the download is larger than {self.budget.bytes / MIB:,.0f} MiB",
            cure="raise OA_DOWNLOAD_MIB where the data really is that large",
        )

    def seconds_left(self) -> float:
        """Seconds until the budget ends, more than 0; raises OverBudget at its end."""
        left = self.budget.seconds - self.spent.seconds
        if left <= 0:
            raise OverBudget(
                f"the download took longer than {self.budget.seconds:,.0f} seconds",
                cure="raise OA_DOWNLOAD_SECONDS where the publisher really is that slow",
            )
        return left

    def patience(self) -> float:
        """How long a socket may be silent."""
        return min(self.budget.read_seconds, self.seconds_left())


class Pace:
    """The minimum rate of one answer, judged over whole windows."""

    def __init__(self, meter: Meter) -> None:
        """The first window starts now."""
        self._meter = meter
        self._since = meter.clock()
        self._bytes = 0

    def take(self, count: int) -> None:
        """`count` more bytes; raises OverBudget when a window brought too few."""
        self._bytes += count
        budget = self._meter.budget
        passed = self._meter.clock() - self._since
        if passed < budget.rate_window:
            return
        rate = self._bytes / passed
        if rate < budget.minimum_rate:
            raise OverBudget(
                f"the publisher sent {rate:,.0f} bytes a second for {passed:,.0f} seconds,"
                f" less than {budget.minimum_rate:,.0f}",
                cure="try again when the publisher's server is faster",
            )
        self._since += passed
        self._bytes = 0
