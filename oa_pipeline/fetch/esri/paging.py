"""Walks a plan from where the cache stands to its end: several pages in flight, written in order, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from ...errors import FetchError
from ..model import OnProgress, Progress
from .answers import ObjectIds, Page, digest
from .cache import Cache
from .client import MIB, Client
from .pace import Pace, PageSize
from .plans import Piece, Plan
from .troubles import LeadsNowhere, Trouble, overwhelmed, trouble
from .watch import Watch

PAGE_BYTES = 32 * MIB
FEATURE_BYTES = 64 * MIB
_BUFFERED_BYTES = 64 * MIB
_WASTE = 64


@dataclass(slots=True, eq=False)
class _Slot:
    """A piece that is waiting, in flight, or here and waiting for those before it."""

    piece: Piece
    tries: int = 0
    future: Future[Page] | None = None
    page: Page | None = None
    kept: int = 0
    left_out: bool = False

    @property
    def done(self) -> bool:
        return self.page is not None or self.left_out

    @property
    def waiting(self) -> bool:
        return not self.done and self.future is None


@dataclass(slots=True)
class Walk:
    """One walk along one plan. `run` returns when the plan's end is reached."""

    client: Client
    plan: Plan
    cache: Cache
    ids: ObjectIds
    watch: Watch
    pace: Pace
    sizes: PageSize
    attempts: int
    sleep: Callable[[float], None]
    total: int | None = None
    on_progress: OnProgress | None = None
    repaired: bool = False
    answered: int = 0  # pages taken
    _wasted: int = 0
    _failures: int = 0
    _next: int = 0
    _slots: list[_Slot] = field(default_factory=list)

    def run(self) -> None:
        """Raises FetchError where it cannot go on; what the cache then holds is whole pages from the start."""
        self._next = self.cache.position.done
        with ThreadPoolExecutor(self.pace.ceiling, thread_name_prefix="esri") as pool:
            try:
                while self._send_off(pool):
                    self._collect()
                    self._write()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    # ---- asking -----------------------------------------------------------------------------------

    def _send_off(self, pool: ThreadPoolExecutor) -> bool:
        """Sends what the pace allows; False when nothing is left to do."""
        if (pause := self.pace.pause) > 0:
            if self._flying():
                return True
            self.sleep(pause)
        while len(self._flying()) < self.pace.allowed and (slot := self._upcoming()):
            slot.future = pool.submit(self._ask, slot.piece)
        return bool(self._slots)

    def _flying(self) -> list[_Slot]:
        return [slot for slot in self._slots if slot.future is not None]

    def _upcoming(self) -> _Slot | None:
        """The next slot to send: one that waits for its turn, else a new one at the end."""
        for place, slot in enumerate(self._slots):
            if slot.waiting:
                self._trim(place)
                return slot
        if self._next >= self.plan.stop or len(self._slots) > self.pace.allowed or self._buffered() > _BUFFERED_BYTES:
            return None
        slot = _Slot(self.plan.take(self._next, self.sizes.now))
        self._next = slot.piece.stop
        self._slots.append(slot)
        return slot

    def _trim(self, place: int) -> None:
        """Cuts a piece that was never asked to the size that pages have now."""
        slot = self._slots[place]
        fitting = self.plan.take(slot.piece.start, self.sizes.now)
        if slot.tries == 0 and fitting.stop < slot.piece.stop:
            self._slots.insert(place + 1, _Slot(Piece(fitting.stop, slot.piece.stop)))
            slot.piece = fitting

    def _buffered(self) -> int:
        return sum(slot.page.size for slot in self._slots if slot.page)

    def _ask(self, piece: Piece) -> Page:
        limit = PAGE_BYTES if self.plan.split(piece) else FEATURE_BYTES
        return self.client.page(self.plan.parameters(piece), self.ids, limit)

    # ---- answers ----------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Waits for an answer and judges all that have come."""
        wait([slot.future for slot in self._slots if slot.future], return_when=FIRST_COMPLETED)
        for slot in self._flying():
            if slot in self._slots and slot.future is not None and slot.future.done():
                future, slot.future = slot.future, None
                try:
                    page = future.result()
                except FetchError as error:
                    self._failed(slot, error)
                else:
                    self._arrived(slot, page)

    def _arrived(self, slot: _Slot, page: Page) -> None:
        self._failures = 0
        self.pace.answered(slot.piece.width, page.seconds)
        settled = self.plan.settle(slot.piece, page)
        if settled.rest and settled.kept == 0:
            self._reject(slot, settled.rest)
            return
        if settled.rest:
            self.sizes.gave(settled.kept)
        else:
            self.sizes.fits()
        self.answered += 1
        self.repaired |= page.repaired
        slot.page, slot.kept = page, settled.kept
        place = self._slots.index(slot)
        if settled.rest:
            slot.piece = Piece(slot.piece.start, settled.rest[0].start)
            self._slots[place + 1 : place + 1] = map(_Slot, settled.rest)
        if settled.dry:
            del self._slots[place + 1 :]
            self._next = self.plan.stop = slot.piece.stop

    def _reject(self, slot: _Slot, rest: Sequence[Piece]) -> None:
        """Asks for a page that was cut off again, in parts."""
        self._waste()
        if slot.piece.width <= self.sizes.now:
            self.sizes.too_much(slot.piece.width)
        self._replace(slot, [_Slot(piece) for piece in rest])

    def _waste(self) -> None:
        """Counts a page that was fetched in vain. When most are, the server is not getting us anywhere."""
        self._wasted += 1
        if self._wasted > _WASTE and self._wasted > self.answered:
            raise LeadsNowhere(
                "most pages are cut off or too large, however little is asked for",
                cure="tell the publisher; the layer cannot be downloaded completely",
            )

    def _replace(self, slot: _Slot, others: Sequence[_Slot]) -> None:
        place = self._slots.index(slot)
        self._slots[place : place + 1] = others

    # ---- failures ---------------------------------------------------------------------------------

    def _failed(self, slot: _Slot, error: FetchError) -> None:
        kind = trouble(error)
        if kind is Trouble.HOPELESS or (kind is Trouble.UNSUITED and not self._under_way()):
            raise error
        if kind is Trouble.TOO_LARGE:
            self._waste()
            self.sizes.too_much(slot.piece.width)
            self._lessen(slot, 0)
            return
        self._failures += 1
        slot.tries += 1
        self.pace.failed(error.retry_after)
        if overwhelmed(error):
            self.sizes.too_much(slot.piece.width)
        enough = 2 if kind is Trouble.SLOW else self.attempts
        parts = self.plan.split(slot.piece)
        if self._failures >= 2 * self.attempts or (slot.tries >= self.attempts and not parts):
            raise self._given_up(slot, error)
        if slot.tries >= enough:
            self._lessen(slot, enough - 1)

    def _lessen(self, slot: _Slot, tries: int) -> None:
        """Asks for a page in parts; a feature that is too large by itself is left out and counted."""
        parts = [_Slot(piece, tries if self.plan.split(piece) else 0) for piece in self.plan.split(slot.piece)]
        if parts:
            self._replace(slot, parts)
        elif self.plan.overlapping:
            raise LeadsNowhere(
                "a feature is too large to be downloaded, and lies in too many boxes to go around it",
                cure="look for another layer of the same data",
            )
        else:
            slot.left_out = True

    def _under_way(self) -> bool:
        return self.answered > 0 or self.cache.position.features > 0

    def _given_up(self, slot: _Slot, error: FetchError) -> FetchError:
        so_far = f"{self.cache.position.features:,}" + (f" of {self.total:,}" if self.total is not None else "")
        return FetchError(
            f"a page failed again and again ({self.plan.name} {slot.piece.start} to {slot.piece.stop - 1}), "
            f"after {so_far} features: {error.message}",
            cure="run it again: it goes on where it stopped",
            place=error.place,
            transient=True,
            status=error.status,
            retry_after=error.retry_after,
        )

    # ---- writing ----------------------------------------------------------------------------------

    def _write(self) -> None:
        """Writes the pages that have none missing before them."""
        while self._slots and self._slots[0].done:
            slot = self._slots.pop(0)
            if slot.page is None:
                self.cache.leave_out(1, slot.piece.stop)
            else:
                features = self._admitted(slot.page, slot.kept)
                self.cache.add(features, slot.piece.stop, self.watch.highest)
            if self.on_progress is not None:
                self.on_progress(Progress(self.cache.position.features, self.total, "features"))

    def _admitted(self, page: Page, kept: int) -> Sequence[Any]:
        """The features to write. Raises LeadsNowhere when none of them is new."""
        features = page.features[:kept]
        numbers = identities(features, page.ids[:kept])
        if self.plan.overlapping:
            new = self.watch.new(numbers)
            if self.watch.overflowing:
                raise LeadsNowhere("the layer's object ids are too scattered to tell its features apart")
            return [feature for feature, is_new in zip(features, new, strict=True) if is_new]
        if not self.watch.any_new(numbers):
            raise LeadsNowhere(
                "the server repeats itself: a page brought no feature that had not come before",
                cure="tell the publisher; the layer cannot be downloaded completely",
            )
        return features


def identities(features: Sequence[Any], ids: Sequence[int | None]) -> list[int]:
    """What tells features apart: their object id, or their own bytes where they have none."""
    return [digest(f) if number is None else number for f, number in zip(features, ids, strict=True)]
