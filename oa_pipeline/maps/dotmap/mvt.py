"""Mapbox vector tiles, put together: layers of one name become one, and no geometry is touched.

Keys and values are numbered anew, so that a feature's tags still mean what they did. Where tiles count in steps of
different size, the coarser one's coordinates are multiplied, which moves nothing.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

Feature = tuple["Part", bytes]  # a feature as it is encoded, and the tables that its tags point into

# Field numbers: of a tile, of a layer, of a feature.
LAYERS = 3
NAME, FEATURES, KEYS, VALUES, EXTENT, VERSION = 1, 2, 3, 4, 5, 15
TAGS, GEOMETRY = 2, 4
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
EXTENT_UNSAID = 4096
MARGIN = 0.95  # of the limit, aimed at when features must go
_MOVE_TO, _LINE_TO = 1, 2


class BrokenTile(ValueError):  # noqa: N818 - a fact about a tile
    """It is no vector tile, or not whole."""


@dataclass(slots=True)
class Part:
    """A layer of one of the tiles. Keys and values stay encoded."""

    name: bytes = b""
    version: int = 1
    extent: int = EXTENT_UNSAID
    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    features: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Merged:
    """One tile, compressed. `dropped` of its features went to make it small enough."""

    data: bytes
    features: int
    dropped: int


def merged(tiles: Iterable[bytes], most_bytes: int) -> Merged:
    """One tile with the features of all these, in their order; fewer, evenly, where it would be larger than that."""
    features = [(part, feature) for tile in tiles for part in layers(unpacked(tile)) for feature in part.features]
    count = keep = len(features)
    while True:
        data = gzip.compress(_encoded(_evenly(features, keep)), 6, mtime=0)
        if len(data) <= most_bytes or not keep:
            return Merged(data, keep, count - keep)
        keep = min(keep - 1, int(keep * MARGIN * most_bytes / len(data)))


def unpacked(tile: bytes) -> bytes:
    """The tile, inflated."""
    try:
        return gzip.decompress(tile)
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenTile(f"a tile is not compressed as it should be: {error}") from error


def layers(tile: bytes) -> list[Part]:
    """The layers of an inflated tile."""
    found = []
    for number, value in _fields(tile):
        if number == LAYERS and isinstance(value, bytes):
            found.append(_layer(value))
    return found


def places(tile: bytes) -> Iterator[tuple[float, float]]:
    """Where the points of an inflated tile lie, in shares of its sides from the left and from the top."""
    for part in layers(tile):
        for feature in part.features:
            for number, value in _fields(feature):
                if number == GEOMETRY and isinstance(value, bytes):
                    yield from ((x / part.extent, y / part.extent) for x, y in _points(value))


def _points(geometry: bytes) -> Iterator[tuple[int, int]]:
    """Of a geometry that is nothing but points."""
    x = y = 0
    command, *steps = [*_varints(geometry)] or [0]
    if command & 7 != _MOVE_TO or len(steps) != 2 * (command >> 3):
        return
    for across, down in zip(steps[::2], steps[1::2], strict=True):
        x, y = x + _step(across), y + _step(down)
        yield x, y


def _step(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _layer(data: bytes) -> Part:
    part = Part()
    lists = {FEATURES: part.features, KEYS: part.keys, VALUES: part.values}
    for number, value in _fields(data):
        if number in lists and isinstance(value, bytes):
            lists[number].append(value)
        elif number == NAME and isinstance(value, bytes):
            part.name = value
        elif number == EXTENT and isinstance(value, int):
            part.extent = value
        elif number == VERSION and isinstance(value, int):
            part.version = value
    return part


def _evenly(features: Sequence[Feature], keep: int) -> Sequence[Feature]:
    if keep == len(features):
        return features
    return [features[n * len(features) // keep] for n in range(keep)]


def _encoded(features: Iterable[Feature]) -> bytes:
    """A tile of these features, with a layer for each name, in the order in which the names come."""
    by_name: dict[bytes, list[Feature]] = {}
    for part, feature in features:
        by_name.setdefault(part.name, []).append((part, feature))
    return b"".join(_field(LAYERS, _encoded_layer(name, found)) for name, found in by_name.items())


def _encoded_layer(name: bytes, features: Sequence[Feature]) -> bytes:
    extent = max(part.extent for part, _ in features)
    tables = _Tables()
    body = [_field(FEATURES, tables.renumbered(part, _scaled(feature, part, extent))) for part, feature in features]
    return b"".join(
        (
            _number(VERSION, max(part.version for part, _ in features)),
            _field(NAME, name),
            *body,
            *(_field(KEYS, key) for key in tables.keys),
            *(_field(VALUES, value) for value in tables.values),
            _number(EXTENT, extent),
        )
    )


class _Tables:
    """The keys and values of a layer in its making."""

    def __init__(self) -> None:
        self.keys: dict[bytes, int] = {}
        self.values: dict[bytes, int] = {}

    def renumbered(self, part: Part, feature: bytes) -> bytes:
        """The feature with tags that point into these tables."""
        if not part.keys:
            return feature
        return b"".join(
            _field(TAGS, self._tags(part, value))
            if number == TAGS and isinstance(value, bytes)
            else _again(number, value)
            for number, value in _fields(feature)
        )

    def _tags(self, part: Part, packed: bytes) -> bytes:
        numbers = list(_varints(packed))
        try:
            pairs = [
                (part.keys[key], part.values[value]) for key, value in zip(numbers[::2], numbers[1::2], strict=True)
            ]
        except (IndexError, ValueError) as error:
            raise BrokenTile("a feature's tags point nowhere") from error
        return b"".join(
            _varint(self.keys.setdefault(key, len(self.keys)))
            + _varint(self.values.setdefault(value, len(self.values)))
            for key, value in pairs
        )


def _scaled(feature: bytes, part: Part, extent: int) -> bytes:
    """The feature in steps of a tile of that extent, which is a multiple of its own."""
    if part.extent == extent:
        return feature
    factor, rest = divmod(extent, part.extent or 1)
    if rest:
        raise BrokenTile(f"extents of {part.extent} and {extent} have no common step")
    return b"".join(
        _field(GEOMETRY, _wider(value, factor))
        if number == GEOMETRY and isinstance(value, bytes)
        else _again(number, value)
        for number, value in _fields(feature)
    )


def _wider(geometry: bytes, factor: int) -> bytes:
    """Commands as they are; each step, which is relative to the last, so many times as long."""
    out = bytearray()
    steps = 0
    for number in _varints(geometry):
        if steps:
            steps -= 1
            step = _step(number) * factor
            out += _varint((step << 1) ^ (step >> 63))
        else:
            steps = (number >> 3) * 2 if number & 7 in (_MOVE_TO, _LINE_TO) else 0
            out += _varint(number)
    return bytes(out)


# Protocol Buffers, as far as tiles need them.


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Each field's number and value: a number, or bytes. Those of a fixed width are of no tile of ours."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _read(data, at)
        if tag & 7 == _BYTES:
            length, at = _read(data, at)
            if at + length > end:
                raise BrokenTile("a tile ends in the middle of a field")
            yield tag >> 3, data[at : at + length]
            at += length
        elif tag & 7 == _VARINT:
            value, at = _read(data, at)
            yield tag >> 3, value
        else:
            raise BrokenTile(f"a field of kind {tag & 7} where a vector tile has none")


def _read(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise BrokenTile("a tile ends in the middle of a number")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _read(data, at)
        yield value


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _again(number: int, value: bytes | int) -> bytes:
    return _field(number, value) if isinstance(value, bytes) else _number(number, value)
