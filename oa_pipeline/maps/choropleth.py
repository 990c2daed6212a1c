"""Maps for pages: inline SVG in which each region is a link, told by a title and by how dark it is."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..text import one_line
from . import palette
from .boundaries.paths import SMALL, held

EDGES = (0.0, 0.05, 0.25, 0.5, 0.9)  # above which share a step begins; 0 itself is the first


@dataclass(frozen=True, slots=True)
class Region:
    """What a map tells of one country, state or county. Without `link` it leads nowhere."""

    title: str
    share: float  # from 0 to 1
    link: str = ""
    broken: bool = False  # there is a source, and it does not work


def step(share: float) -> int:
    """Which of the palette's six steps a share has."""
    return sum(share > edge for edge in EDGES)


def world(regions: Mapping[str, Region], *, label: str) -> str:
    """Countries by their codes."""
    drawn = held()["world"]
    return _svg(label, (0, 0, *drawn["size"]), drawn["paths"], regions, spots=2.5)


def states(regions: Mapping[str, Region], *, label: str) -> str:
    """States of the United States by GEOID, Alaska and Hawaii moved below; territories are not on it."""
    drawn = held()["us"]
    return _svg(label, (0, 0, *drawn["size"]), drawn["states"], regions, spots=4)


def counties(state: str, regions: Mapping[str, Region], *, label: str) -> str:
    """The counties of the state with this GEOID; empty where there is no map of it."""
    mine = {code: path for code, path in held()["us"]["counties"].items() if code[:2] == state}
    if not mine:
        return ""
    return _svg(label, _around(mine.values()), mine, regions, spots=0)


def country(code: str, region: Region, *, label: str) -> str:
    """One country for itself; empty where there is no map of it."""
    drawn = held()["countries"].get(code)
    return _svg(label, (0, 0, *drawn["size"]), {code: drawn["path"]}, {code: region}, spots=0) if drawn else ""


def _around(paths: Iterable[Any]) -> tuple[float, float, float, float]:
    """Left, top, width and height of what the paths draw."""
    across, down = [], []
    for d, *_ in paths:
        for ring in filter(None, d.split("z")):
            start, _, steps = ring[1:].partition("l")
            x, y = map(float, start.split(","))
            across.append(x)
            down.append(y)
            for one in steps.split():
                dx, dy = map(float, one.split(","))
                x, y = x + dx, y + dy
                across.append(x)
                down.append(y)
    left, top = min(across) - 1, min(down) - 1
    return round(left, 1), round(top, 1), round(max(across) + 1 - left, 1), round(max(down) + 1 - top, 1)


def _svg(
    label: str, box: tuple[float, ...], paths: Mapping[str, Any], regions: Mapping[str, Region], *, spots: float
) -> str:
    view = " ".join(f"{number:g}" for number in box)
    line = max(box[2], box[3]) / 2000
    hatch = f"broken-{len(paths)}"  # another name on each map of a page
    parts = [
        f'<svg class="choropleth" role="group" aria-label="{_text(label)}" viewBox="{view}"'
        f' stroke="{palette.SEA}" stroke-width="{line:.2g}" stroke-linejoin="round">'
        f'<defs><pattern id="{hatch}" width="6" height="6" patternUnits="userSpaceOnUse"'
        f' patternTransform="rotate(45) scale({line * 2:.2g})">'
        f'<rect width="6" height="6" fill="{palette.WEAK["bad"]}" stroke="none"/>'
        f'<path d="M0,0v6" stroke="{palette.HATCH["weak"]}" stroke-width="3"/></pattern></defs>'
    ]
    parts += [_region(path, regions.get(code), hatch, spots) for code, path in paths.items()]
    return "".join((*parts, "</svg>"))


def _region(path: Any, region: Region | None, hatch: str, spots: float) -> str:
    d, x, y, area = path
    if region is None:
        return f'<path d="{d}" fill="{palette.STEPS[0]}"/>'
    broken = region.broken and not region.share
    fill = f"url(#{hatch})" if broken else palette.STEPS[step(region.share)]
    title = _text(region.title)
    shape = f'<path d="{d}" fill="{fill}"><title>{title}</title></path>'
    if spots and area < SMALL:  # too small to be seen and hit
        shape += f'<circle cx="{x:g}" cy="{y:g}" r="{spots:g}" fill="{fill}" stroke="{palette.COAST}"/>'
    # The table beside the map has the same links: who goes through them by keyboard does so once.
    return f'<a href="{_text(region.link)}" aria-label="{title}" tabindex="-1">{shape}</a>' if region.link else shape


def _text(value: str) -> str:
    return html.escape(one_line(value))
