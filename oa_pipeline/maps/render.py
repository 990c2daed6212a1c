"""The maps of what is covered, as pictures: `render-world.png`, `render-usa.png`, `render-europe.png`."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from PIL import Image, ImageDraw

from . import boundaries, palette
from .projections import USA, View, on_view

FINER = 2  # drawn so many times larger, then made smaller: smooth edges
POINT = 4.0  # pixels around a point
LEAST, WIDER = 3.0, 1.0  # pixels: what is smaller either way gets so many around it
COLOURS = 96  # of the file; what is drawn has few, and their mixtures
HATCH_STEP, HATCH_WIDTH = 18, 4  # of the finer picture: lines over what is bad
ORDER = (("weak", "bad"), ("weak", "good"), ("strong", "bad"), ("strong", "good"))  # of painting
Say = Callable[[int, int], None]  # steps done, of how many


@dataclass(frozen=True, slots=True)
class Painted:
    """A shape in degrees. `strength`: `weak` for countries and states, `strong` for what is smaller."""

    shape: Any
    status: str  # good or bad
    strength: str


def render(view: View, painted: Sequence[Painted], *, say: Say = lambda done, of: None) -> bytes:
    """The map as a PNG. Of what overlaps, the smaller is above, and the good above the bad."""
    picture = Image.new("RGB", (view.width * FINER, view.height * FINER), palette.SEA)
    land = _land(view)
    _fill(picture, _mask(picture.size, land), palette.LAND)
    for step, (strength, status) in enumerate(ORDER):
        mine = [one.shape for one in painted if (one.strength, one.status) == (strength, status)]
        if mine:
            mask = _mask(picture.size, _merged(_wide(on_view(mine, view))))
            _fill(picture, mask, getattr(palette, strength.upper())[status])
            if status == "bad":
                _hatch(picture, mask, palette.HATCH[strength])
        say(step + 1, len(ORDER) + 1)
    _lines(picture, view, land)
    say(len(ORDER) + 1, len(ORDER) + 1)
    return _png(picture, view)


@functools.lru_cache(maxsize=4)
def _land(view: View) -> list[Any]:
    return _merged(_borders(view))


@functools.lru_cache(maxsize=4)
def _borders(view: View) -> np.ndarray:
    return on_view(boundaries.land(), view)


def _wide(shapes: np.ndarray) -> np.ndarray:
    """Points and lines as spots that can be seen, and so the smallest areas."""
    flat = shapely.get_dimensions(shapes) < 2
    west, south, east, north = shapely.bounds(shapes).T
    small = ~flat & (np.maximum(east - west, north - south) < LEAST)
    shapes[flat] = shapely.buffer(shapes[flat], POINT)
    shapes[small] = shapely.buffer(shapes[small], WIDER)
    return shapes


def _merged(shapes: np.ndarray) -> list[Any]:
    """Polygons without overlap, the largest first: what lies in the hole of another is painted after it."""
    whole = shapely.union_all(shapely.make_valid(shapes))
    parts = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]
    return sorted(parts, key=lambda part: -shapely.box(*part.bounds).area)


def _mask(size: tuple[int, int], shapes: Sequence[Any]) -> Image.Image:
    mask = Image.new("1", size)
    draw = ImageDraw.Draw(mask)
    for shape in shapes:
        draw.polygon(_points(shape.exterior), fill=1)
        for hole in shape.interiors:
            draw.polygon(_points(hole), fill=0)
    return mask


def _points(ring: Any) -> list[float]:
    points: list[float] = (shapely.get_coordinates(ring) * FINER).ravel().tolist()
    return points


def _fill(picture: Image.Image, mask: Image.Image, colour: str) -> None:
    picture.paste(palette.rgb(colour), (0, 0, *picture.size), mask)


def _hatch(picture: Image.Image, mask: Image.Image, colour: str) -> None:
    inked = Image.fromarray(np.asarray(mask) & _stripes(*picture.size))
    _fill(picture, inked, colour)


@functools.lru_cache(maxsize=3)
def _stripes(width: int, height: int) -> np.ndarray:
    across, down = np.arange(width)[None, :], np.arange(height)[:, None]
    return np.asarray((across + down) % HATCH_STEP < HATCH_WIDTH)


def _lines(picture: Image.Image, view: View, land: Sequence[Any]) -> None:
    """Borders a hair thin, coasts twice that."""
    draw = ImageDraw.Draw(picture)
    inner = [one.shape for one in boundaries.features("us") if one.kind == "state"] if view.name == USA.name else []
    for shapes, colour, width in (
        (on_view(inner, view) if inner else [], palette.STATE_LINE, 1),
        (_borders(view), palette.BORDER, 1),
        (land, palette.COAST, 2),
    ):
        for part in shapely.get_parts(shapes):
            for ring in (part.exterior, *part.interiors) if part.geom_type == "Polygon" else ():
                draw.line(_points(ring), fill=palette.rgb(colour), width=width)


def _png(picture: Image.Image, view: View) -> bytes:
    small = picture.resize((view.width, view.height), Image.Resampling.BOX)
    few = small.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


def smaller(png: bytes, width: int) -> bytes:
    """The same picture so many pixels wide."""
    with Image.open(io.BytesIO(png)) as picture:
        whole = picture.convert("RGB")
    out = io.BytesIO()
    size = (width, round(whole.height * width / whole.width))
    whole.resize(size, Image.Resampling.LANCZOS).quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
