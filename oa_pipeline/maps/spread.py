"""Where on a preview points lie: web Mercator, and a frame that a few stray points do not blow up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from .mercator import END, RADIUS

ACROSS, DOWN = 5.0, 3.0  # standard deviations around the mean within which points count
PADDING = 0.02
CIRCLE = 15.0  # metres around a point that are drawn with it
LEAST = 1000.0  # metres that a frame shows at least, from side to side
FLATTEST, TALLEST = 0.25, 1.25  # height by width
_OFTEN = 0.8  # the other side of the world must be so much narrower to be preferred

Chunks = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]


@dataclass(frozen=True, slots=True)
class Frame:
    """A part of the map and how many pixels it has. `left` may lie east of `HALF` where it spans the antimeridian."""

    left: float
    top: float
    metres: float  # that a pixel is wide
    width: int
    height: int
    turned: bool = False  # longitudes count from 0 to 360

    def pixels(self, longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels from the left and from the top, some outside."""
        x, y = mercator(longitude, latitude, turned=self.turned)
        return (x - self.left) / self.metres, (self.top - y) / self.metres

    def boxes(self) -> list[tuple[float, float, float, float]]:
        """West, south, east, north of what is seen, in degrees; two of them across the antimeridian."""
        right, bottom = self.left + self.width * self.metres, self.top - self.height * self.metres
        south, north = _latitude(bottom), _latitude(self.top)
        west, east = (math.degrees(x / RADIUS) for x in (self.left, right))
        cuts = [(max(west, w), min(east, e), w) for w, e in ((-540, -180), (-180, 180), (180, 540))]
        return [(a - w - 180, south, b - w - 180, north) for a, b, w in cuts if a < b]


def mercator(longitude: np.ndarray, latitude: np.ndarray, *, turned: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Metres east and north; the poles lie where web maps end."""
    degrees = np.where(longitude < 0, longitude + 360, longitude) if turned else longitude
    y = np.radians(np.clip(latitude, -END, END))
    return RADIUS * np.radians(degrees), RADIUS * np.arctanh(np.sin(y))


def _latitude(y: float) -> float:
    return math.degrees(math.atan(math.sinh(y / RADIUS)))


def on_earth(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Which of these can be drawn."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(longitude) <= 180) & (np.abs(latitude) <= 90))


@dataclass(slots=True)
class _Moments:
    """Number, mean and squared deviation of numbers that come in pieces."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: np.ndarray) -> None:
        count, mean = len(values), float(values.mean())
        apart, total = mean - self.mean, self.count + count
        self.squares += float(((values - mean) ** 2).sum()) + apart**2 * self.count * count / total
        self.mean += apart * count / total
        self.count = total

    @property
    def deviation(self) -> float:
        return math.sqrt(self.squares / self.count)

    def around(self, times: float) -> tuple[float, float]:
        """The range of so many standard deviations; a hair wider, for where all values are the same."""
        reach = times * self.deviation + 1.0
        return self.mean - reach, self.mean + reach


@dataclass(slots=True)
class _Spread:
    plain: _Moments = field(default_factory=_Moments)
    turned: _Moments = field(default_factory=_Moments)
    north: _Moments = field(default_factory=_Moments)

    def add(self, longitude: np.ndarray, latitude: np.ndarray) -> None:
        x, y = mercator(longitude, latitude)
        self.plain.add(x)
        self.turned.add(mercator(longitude, latitude, turned=True)[0])
        self.north.add(y)


def frame_of(chunks: Chunks, width: int) -> Frame | None:
    """The frame of the points, `width` pixels wide and as high as they ask for; None where there are none."""
    spread = _Spread()
    for longitude, latitude in _drawn(chunks):
        spread.add(longitude, latitude)
    if not spread.north.count:
        return None
    turned = spread.turned.deviation < _OFTEN * spread.plain.deviation
    (west, east), (south, north) = (spread.turned if turned else spread.plain).around(ACROSS), spread.north.around(DOWN)
    left, right, bottom, top = math.inf, -math.inf, math.inf, -math.inf
    for longitude, latitude in _drawn(chunks):
        x, y = mercator(longitude, latitude, turned=turned)
        counts = (x >= west) & (x <= east) & (y >= south) & (y <= north)
        if counts.any():
            left, right = min(left, float(x[counts].min())), max(right, float(x[counts].max()))
            bottom, top = min(bottom, float(y[counts].min())), max(top, float(y[counts].max()))
    if left > right:  # two far apart and nothing between, as seen from the mean
        left, right, bottom, top = west, east, south, north
    return _framed(left, right, bottom, top, width, turned)


def _framed(left: float, right: float, bottom: float, top: float, width: int, turned: bool) -> Frame:
    across = max(right - left, LEAST) * (1 + 2 * PADDING) + 2 * CIRCLE
    down = max(top - bottom, LEAST * FLATTEST) * (1 + 2 * PADDING) + 2 * CIRCLE
    across = max(across, down / TALLEST)
    down = max(down, across * FLATTEST)
    metres = across / width
    height = max(1, round(down / metres))
    return Frame((left + right - across) / 2, (bottom + top + down) / 2, metres, width, height, turned)


def _drawn(chunks: Chunks) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    for longitude, latitude in chunks():
        there = on_earth(longitude, latitude)
        if there.any():
            yield longitude[there], latitude[there]
