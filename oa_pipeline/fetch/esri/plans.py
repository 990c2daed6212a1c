"""The four ways through a layer, each a walk along a line of integers.

    OffsetPlan    row numbers               the layer pages by itself
    WindowPlan    object ids, min to max    the layer knows its smallest and largest id
    IdsPlan       places in the sorted ids  the layer lists its ids
    BoxPlan       cells of a quadtree       the layer has an extent

A piece is a stretch of that line. Whatever happens to a piece (short page, split, retry), what follows it keeps its
place, so one integer says how far a dump has come: everything before it is in the cache.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

from .answers import Page
from .layer import Extent
from .troubles import LeadsNowhere

EVERY_FIELD: Mapping[str, str] = {
    "where": "1=1",
    "outFields": "*",
    "outSR": "4326",
    "returnGeometry": "true",
    "geometryPrecision": "7",
}
BOX_DEPTH = 24  # a country's extent cut into cells of centimetres
_WIDEST = 1 << 40


class Piece(NamedTuple):
    """Positions from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def width(self) -> int:
        """How many positions it covers."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Settled:
    """What a page means for its piece: features kept from its beginning, and pieces still to be asked after them."""

    kept: int
    rest: tuple[Piece, ...] = ()
    dry: bool = False  # nothing lies beyond this piece


class Plan(Protocol):
    """A way through a layer."""

    name: str
    start: int
    stop: int  # as far as is known; may move while pages arrive
    expected: int | None  # features the plan itself promises, for layers that cannot count
    overlapping: bool  # pieces may bring features that others brought
    signature: str  # changes when positions no longer mean what they meant

    def take(self, start: int, size: int) -> Piece:
        """The piece at `start` that should bring about `size` features."""

    def parameters(self, piece: Piece) -> dict[str, str]:
        """The query for a piece."""

    def split(self, piece: Piece) -> tuple[Piece, ...]:
        """Smaller pieces that make up `piece`; none where it cannot be split."""

    def settle(self, piece: Piece, page: Page) -> Settled:
        """Judges the page that came for a piece; LeadsNowhere where it shows that the plan leads nowhere."""


def _halves(piece: Piece) -> tuple[Piece, ...]:
    if piece.width < 2:
        return ()
    middle = piece.start + piece.width // 2
    return Piece(piece.start, middle), Piece(middle, piece.stop)


class OffsetPlan:
    """Pages by row number, ordered by object id where the layer can."""

    overlapping = False
    expected: int | None = None
    start = 0

    def __init__(self, count: int, order_by: str | None) -> None:
        """`count` is the layer's own; `order_by` its object id field."""
        self.name = "offset" if order_by else "unordered offset"
        self.stop = count
        self.signature = self.name
        self._order = {"orderByFields": order_by} if order_by else {}

    def take(self, start: int, size: int) -> Piece:
        """Row numbers."""
        return Piece(start, min(start + size, self.stop))

    def parameters(self, piece: Piece) -> dict[str, str]:
        """A page by offset and length."""
        page = {"resultOffset": str(piece.start), "resultRecordCount": str(piece.width)}
        return {**EVERY_FIELD, **self._order, **page}

    def split(self, piece: Piece) -> tuple[Piece, ...]:
        """Two halves."""
        return _halves(piece)

    def settle(self, piece: Piece, page: Page) -> Settled:
        """A short page is trusted and its rest asked for; more after the counted end is followed until it ends."""
        got = len(page.features)
        if got == 0:
            # Nothing, yet more to come: the features asked for do not fit an answer.
            smaller = _halves(piece) if page.exceeded else ()
            return Settled(0, smaller, dry=not smaller)
        if got < piece.width:
            return Settled(got, (Piece(piece.start + got, piece.stop),))
        if piece.stop >= self.stop and page.exceeded:
            self.stop = piece.stop + piece.width
        return Settled(piece.width)


class WindowPlan:
    """Windows of object ids between the smallest and the largest, wider where ids are sparse."""

    name = "windows"
    overlapping = False
    expected: int | None = None

    def __init__(self, oid: str, smallest: int, largest: int, limit: int) -> None:
        """`limit` is the most features that the layer gives at a time."""
        self.start, self.stop = smallest, largest + 1
        self.signature = f"windows {smallest} {largest}"
        self._oid = oid
        self._limit = limit
        self._stretch = 1

    def take(self, start: int, size: int) -> Piece:
        """Ids; `size` of them where they are dense."""
        return Piece(start, min(start + size * self._stretch, self.stop))

    def parameters(self, piece: Piece) -> dict[str, str]:
        """All features with ids in the window."""
        return {**EVERY_FIELD, "where": f"{self._oid} > {piece.start - 1} AND {self._oid} <= {piece.stop - 1}"}

    def split(self, piece: Piece) -> tuple[Piece, ...]:
        """Two halves."""
        return _halves(piece)

    def settle(self, piece: Piece, page: Page) -> Settled:
        """A page that may have been cut off is asked again as two halves."""
        got = len(page.features)
        cut = page.exceeded or (got >= self._limit and piece.width > got)
        if cut and len(set(page.ids)) < piece.width and (halves := _halves(piece)):
            self._stretch = max(1, self._stretch // 2)
            return Settled(0, halves)
        if got * 4 < piece.width and got * 4 < self._limit:
            self._stretch = min(self._stretch * 2, _WIDEST)
        return Settled(got)


class IdsPlan:
    """Windows over the sorted list of all object ids."""

    name = "ids"
    overlapping = False
    start = 0

    def __init__(self, oid: str, ids: Sequence[int], listed: int, signature: str) -> None:
        """`ids` are sorted and each there once, out of `listed`; `signature` identifies the list."""
        self.stop = len(ids)
        self.expected: int | None = listed
        self.signature = f"ids {signature}"
        self._oid = oid
        self._ids = ids

    def take(self, start: int, size: int) -> Piece:
        """Places in the list."""
        return Piece(start, min(start + size, self.stop))

    def parameters(self, piece: Piece) -> dict[str, str]:
        """All features from the piece's first id to its last."""
        first, last = self._ids[piece.start], self._ids[piece.stop - 1]
        return {**EVERY_FIELD, "where": f"{self._oid} >= {first} AND {self._oid} <= {last}"}

    def split(self, piece: Piece) -> tuple[Piece, ...]:
        """Two halves."""
        return _halves(piece)

    def settle(self, piece: Piece, page: Page) -> Settled:
        """A page cut off in the order of ids is continued; one cut off anyhow is asked again in halves."""
        got = {number for number in page.ids if number is not None}
        missing = [place for place in range(piece.start, piece.stop) if self._ids[place] not in got]
        if not missing or None in page.ids or (not page.exceeded and not got):
            return Settled(len(page.features))
        if got and max(got) < self._ids[missing[0]]:
            return Settled(len(page.features), (Piece(missing[0], piece.stop),))
        halves = _halves(piece) if page.exceeded else ()
        return Settled(0, halves) if halves else Settled(len(page.features))


class BoxPlan:
    """Boxes, quartered until each gives less than a page. Cells are numbered along a Z-shaped curve."""

    name = "boxes"
    overlapping = True
    expected: int | None = None
    start = 0
    stop = 4**BOX_DEPTH

    def __init__(self, extent: Extent, limit: int) -> None:
        """`limit` is the most features that the layer gives at a time."""
        self._extent = extent
        self._limit = limit
        self.signature = f"boxes {extent}"

    def take(self, start: int, size: int) -> Piece:
        """The largest box that begins at this cell."""
        width = self.stop
        while start % width or start + width > self.stop:
            width //= 4
        return Piece(start, start + width)

    def parameters(self, piece: Piece) -> dict[str, str]:
        """All features that touch the box."""
        box = self._box(piece)
        system = {"inSR": box.system} if box.system else {}
        corners = {"xmin": box.xmin, "ymin": box.ymin, "xmax": box.xmax, "ymax": box.ymax}
        return {
            **EVERY_FIELD,
            **system,
            "geometry": json.dumps(corners),
            "geometryType": "esriGeometryEnvelope",
            "spatialRel": "esriSpatialRelIntersects",
        }

    def split(self, piece: Piece) -> tuple[Piece, ...]:
        """Four quarters; none for a single cell."""
        if piece.width < 4:
            return ()
        edges = range(piece.start, piece.stop + 1, piece.width // 4)
        return tuple(Piece(a, b) for a, b in pairwise(edges))

    def settle(self, piece: Piece, page: Page) -> Settled:
        """A full page says that its box must be quartered."""
        got = len(page.features)
        if not page.exceeded and got < self._limit:
            return Settled(got)
        quarters = self.split(piece)
        if not quarters:
            raise LeadsNowhere(
                f"more than {self._limit:,} features lie at one place, and the layer offers no other way to them",
                cure="tell the publisher; the layer cannot be downloaded completely",
            )
        return Settled(0, quarters)

    def _box(self, piece: Piece) -> Extent:
        across = up = 0
        for bit in range(BOX_DEPTH):
            across |= (piece.start >> (2 * bit) & 1) << bit
            up |= (piece.start >> (2 * bit + 1) & 1) << bit
        side = 1 << ((piece.width.bit_length() - 1) // 2)
        whole = self._extent

        def x(cell: int) -> float:
            return whole.xmin + (whole.xmax - whole.xmin) * cell / (1 << BOX_DEPTH)

        def y(cell: int) -> float:
            return whole.ymin + (whole.ymax - whole.ymin) * cell / (1 << BOX_DEPTH)

        return Extent(x(across), y(up), x(across + side), y(up + side), whole.system)
