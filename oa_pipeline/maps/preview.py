"""A picture of where a run's rows are: points over outlines, for the width of a comment on GitHub."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from . import palette
from .spread import CIRCLE, Chunks, Frame, frame_of, on_earth

WIDTH, FINENESS = 668, 2  # pixels of the page, and how many of the picture make one
SMALL = 1.0  # pixels of the page: the least radius of a circle that is drawn by itself
EDGED = 1.5  # ... and of one with an edge
SPOT = 0.55  # how much one point darkens its pixel where many lie closer than that
MOST_CIRCLES = 20_000  # drawn one by one; more of them flow together
COLOURS = 64  # of the file
GLIMPSE = 334  # pixels of the width of what events hold
# Outlines by kind, the faintest first: colour and width in pixels of the page.
LINES = (
    ("county", palette.COUNTY_LINE, 0.5),
    ("state", palette.STATE_LINE, 0.75),
    ("country", palette.COUNTRY_LINE, 0.75),
)
LOCAL = 3_000_000.0  # metres: a wider map has no counties
CUT = 1e-6  # degrees: what lies so near to the antimeridian was cut there
WITH_STATES = "US"  # whose own edge is that of its states, which is finer
Box = tuple[float, float, float, float]
Outlines = Callable[[Box], Iterable[Any]]


def render(chunks: Chunks, outlines: Outlines, *, width: int = WIDTH, fineness: int = FINENESS) -> Image.Image | None:
    """The picture, `width` times `fineness` pixels wide and as high as the points ask for; None if none is on earth.

    `chunks` gives longitudes and latitudes, the same each time it is called. `outlines` gives what may lie within
    west, south, east, north, with a `code`, a `kind` and a `shape` each.
    """
    frame = frame_of(chunks, width * fineness)
    if frame is None:
        return None
    picture = _ground(frame, outlines, fineness)
    counts = _counts(chunks, frame)
    radius = CIRCLE / frame.metres
    edged = radius >= EDGED * fineness
    if np.count_nonzero(counts) <= MOST_CIRCLES:
        return _circles(picture, counts, max(radius, SMALL * fineness), edged=edged)
    if radius < SMALL * fineness:
        return _spots(picture, counts, radius)
    return _areas(picture, counts, radius, edged=edged)


def png(picture: Image.Image, colours: int = COLOURS) -> bytes:
    """The picture as a file."""
    few = picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    out = io.BytesIO()
    few.save(out, "PNG")
    return out.getvalue()


def glimpse(picture: Image.Image) -> bytes:
    """The same, small enough to be kept in an event."""
    size = (GLIMPSE, max(1, round(picture.height * GLIMPSE / picture.width)))
    return png(picture.resize(size, Image.Resampling.BOX), 16)


def _counts(chunks: Chunks, frame: Frame) -> np.ndarray:
    """How many points each pixel has."""
    counts = np.zeros(frame.width * frame.height, np.int64)
    for longitude, latitude in chunks():
        there = on_earth(longitude, latitude)
        x, y = frame.pixels(longitude[there], latitude[there])
        seen = (x >= 0) & (x < frame.width) & (y >= 0) & (y < frame.height)
        pixels = y[seen].astype(np.int64) * frame.width + x[seen].astype(np.int64)
        counts += np.bincount(pixels, minlength=len(counts))
    return counts.reshape(frame.height, frame.width)


def _ground(frame: Frame, outlines: Outlines, fineness: int) -> Image.Image:
    """The paper with its outlines, drawn larger and made smaller: lines have smooth edges."""
    picture = Image.new("RGB", (frame.width * 2, frame.height * 2), palette.PAPER)
    draw = ImageDraw.Draw(picture)
    lines: dict[str, list[list[float]]] = {kind: [] for kind, _, _ in LINES}
    for box in frame.boxes():
        near = [one for one in outlines(box) if one.kind != "county" or frame.metres * frame.width < LOCAL]
        states = any(one.kind == "state" for one in near)
        for one in near:
            if not (states and one.code == WITH_STATES):
                lines[one.kind] += _lines(one.shape, box, frame)
    for kind, colour, width in LINES:
        for line in lines[kind]:
            draw.line(line, fill=palette.rgb(colour), width=max(1, round(width * fineness * 2)), joint="curve")
    return picture.resize((frame.width, frame.height), Image.Resampling.BOX)


def _lines(shape: Any, box: Box, frame: Frame) -> list[list[float]]:
    """The shape's edge within the box, in twice as many pixels, without where the world's map is cut."""
    import shapely

    found = []
    for line in shapely.get_parts(shapely.clip_by_rect(shapely.boundary(shape), *box)):
        longitude, latitude = shapely.get_coordinates(line).T
        longitude = longitude + (360 if frame.turned and box[2] <= 0 else 0)
        cut = np.abs(np.abs(longitude) - 180) < CUT
        for piece in np.split(np.arange(len(cut)), np.flatnonzero(cut[1:] & cut[:-1]) + 1):
            if len(piece) > 1:
                x, y = frame.pixels(longitude[piece], latitude[piece])
                found.append((np.column_stack([x, y]) * 2).ravel().tolist())
    return found


def _spots(picture: Image.Image, counts: np.ndarray, radius: float) -> Image.Image:
    """Points that are smaller than they can be drawn: a pixel, a little around it, darker where there are more."""
    light = np.minimum(counts, 12).astype(np.float32)
    around = np.zeros_like(light)
    around[1:] += light[:-1]
    around[:-1] += light[1:]
    around[:, 1:] += light[:, :-1]
    around[:, :-1] += light[:, 1:]
    reach = min(1.0, max(radius, 0.35))
    shade = 1 - (1 - SPOT) ** light * (1 - SPOT * reach / 2) ** around
    return _inked(picture, shade, palette.DOT)


def _areas(picture: Image.Image, counts: np.ndarray, radius: float, *, edged: bool) -> Image.Image:
    """Where so many circles lie that they flow together."""
    whole = _grown(counts > 0, radius).astype(np.float32)
    if not edged:
        return _inked(picture, whole, palette.DOT)
    inner = _grown(counts > 0, radius - 1).astype(np.float32)
    return _inked(_inked(picture, whole, palette.DOT_EDGE), inner, palette.DOT)


def _grown(there: np.ndarray, radius: float) -> np.ndarray:
    """Every pixel that is within `radius` of one that is there: row by row, by running sums."""
    height, width = there.shape
    sums = np.zeros((height, width + 1), np.int32)
    np.cumsum(there, axis=1, out=sums[:, 1:])
    grown = np.zeros_like(there)
    columns = np.arange(width)
    for down in range(-int(radius), int(radius) + 1):
        reach = int((radius**2 - down**2) ** 0.5)
        spans = sums[:, np.minimum(columns + reach + 1, width)] > sums[:, np.maximum(columns - reach, 0)]
        to, of = (
            (slice(down, None), slice(None, height - down)) if down >= 0 else (slice(None, down), slice(-down, None))
        )
        grown[to] |= spans[of]
    return grown


def _circles(picture: Image.Image, counts: np.ndarray, radius: float, *, edged: bool) -> Image.Image:
    """Each circle by itself, smooth."""
    finer = 2
    large = picture.resize((picture.width * finer, picture.height * finer), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(large)
    reach = radius * finer
    edge = palette.rgb(palette.DOT_EDGE if edged else palette.DOT)
    for y, x in np.argwhere(counts > 0).tolist():
        across, down = (x + 0.5) * finer, (y + 0.5) * finer
        draw.ellipse(
            (across - reach, down - reach, across + reach, down + reach),
            fill=palette.rgb(palette.DOT),
            outline=edge,
        )
    return large.resize(picture.size, Image.Resampling.BOX)


def _inked(picture: Image.Image, shade: np.ndarray, colour: str) -> Image.Image:
    """The picture under as much of the colour as `shade` says, 0 to 1."""
    mask = Image.fromarray((np.clip(shade, 0, 1) * 255).astype(np.uint8))
    picture.paste(palette.rgb(colour), (0, 0, *picture.size), mask)
    return picture
