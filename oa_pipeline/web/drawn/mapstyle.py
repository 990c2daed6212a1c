"""How a map of dots is drawn in a browser: a MapLibre style without fonts, images or tiles of anybody else."""

from __future__ import annotations

from typing import Any

from ...maps import palette

GROUND = "/map/ground.geojson"
DOTS = "dots"  # the style's source and layer of dots; the page names their tiles, and the layer in these


def style() -> dict[str, Any]:
    """Land, borders, and a dot for each address. `map.js` puts in where the tiles are."""
    return {
        "version": 8,
        "name": "OpenAddresses",
        "sources": {
            "ground": {"type": "geojson", "data": GROUND, "attribution": "Natural Earth, US Census Bureau"},
            DOTS: {"type": "vector", "url": ""},
        },
        "layers": [
            {"id": "sea", "type": "background", "paint": {"background-color": palette.SEA}},
            {"id": "land", "type": "fill", "source": "ground", "paint": {"fill-color": palette.PAPER}},
            _line("states", "state", palette.STATE_LINE, 0.5),
            _line("countries", "country", palette.COUNTRY_LINE, 0.8),
            {
                "id": DOTS,
                "type": "circle",
                "source": DOTS,
                "source-layer": "",
                "paint": {
                    "circle-color": palette.DOT,
                    "circle-stroke-color": palette.DOT_EDGE,
                    "circle-radius": _by_zoom(0, 1.7, 6, 1.7, 12, 2.2, 17, 6.0),
                    "circle-stroke-width": _by_zoom(14, 0.0, 16, 1.0),
                },
            },
        ],
    }


def _line(name: str, kind: str, colour: str, width: float) -> dict[str, Any]:
    return {
        "id": name,
        "type": "line",
        "source": "ground",
        "filter": ["==", ["get", "kind"], kind],
        "paint": {"line-color": colour, "line-width": width},
    }


def _by_zoom(*stops: float) -> list[Any]:
    return ["interpolate", ["linear"], ["zoom"], *stops]
