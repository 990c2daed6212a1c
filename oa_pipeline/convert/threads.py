"""Reading ahead and writing behind, each on one thread, with a few batches between: memory stays flat."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_DEPTH = 2


class _End:
    """The last thing in a queue; `error` is what ended it early."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, produced by a thread up to two in advance. What it raises is raised here."""
    ready: queue.Queue[T | _End] = queue.Queue(_DEPTH)
    stop = threading.Event()

    def produce() -> None:
        end = _End()
        try:
            for item in items:
                if not _put(ready, item, stop):
                    return
        except BaseException as error:
            end = _End(error)
        _put(ready, end, stop)

    thread = threading.Thread(target=produce, name="reader", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        thread.join()


def _put(ready: queue.Queue[T | _End], item: T | _End, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            ready.put(item, timeout=0.2)
        except queue.Full:
            continue
        return True
    return False


class Behind:
    """Hands items to `consume` on a thread of its own, in order. What that raises is raised by `put` or `finish`."""

    def __init__(self, consume: Callable[[T], None]) -> None:
        """Starts the thread."""
        self._waiting: queue.Queue[object] = queue.Queue(_DEPTH)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(consume,), name="writer", daemon=True)
        self._thread.start()

    def _work(self, consume: Callable[[T], None]) -> None:
        while not isinstance(item := self._waiting.get(), _End):
            if self._error is None:
                try:
                    consume(item)  # type: ignore[arg-type]
                except BaseException as error:
                    self._error = error

    def put(self, item: object) -> None:
        """Queues one item, waiting while two are queued already."""
        if self._error is not None:
            raise self._error
        self._waiting.put(item)

    def finish(self) -> None:
        """Waits until everything is consumed."""
        self.stop()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Ends the thread after what is queued; never raises."""
        if self._thread.is_alive():
            self._waiting.put(_End())
            self._thread.join()
