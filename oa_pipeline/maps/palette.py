"""The colours of all maps.

Good is blue and dark, bad is orange, light and hatched: told apart with every kind of colour vision, and in grey. Of a
whole country or state the tint is weaker than of a county or a place, so that detail stands out where they overlap.
"""

from __future__ import annotations

from collections.abc import Mapping

Rgb = tuple[int, int, int]


def rgb(colour: str) -> Rgb:
    """`#rrggbb` as three numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def over(colour: str, ground: str, share: float) -> str:
    """What one sees of `colour` on `ground` where it lets `1 - share` of it through."""
    mixed = (round(a * share + b * (1 - share)) for a, b in zip(rgb(colour), rgb(ground), strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


# The ground of every map.
SEA, LAND = "#ffffff", "#e2e2df"
BORDER, COAST = "#4d4d4d", "#6e6e6e"

# Whether there are results: by status, weak (countries, states) and strong (counties, places, points).
WEAK: Mapping[str, str] = {"good": "#6fa8d6", "bad": "#fcc98a"}
STRONG: Mapping[str, str] = {"good": "#0b4f94", "bad": "#ef8a1d"}
HATCH: Mapping[str, str] = {"weak": "#b35806", "strong": "#7f3b08"}  # lines over what is bad

# Shares from none to all, and for how much: five steps of one hue, from light to dark.
STEPS = ("#e3e3df", "#b9d6ee", "#7fb6da", "#4190c5", "#1764ab", "#08306b")

# Points: of a preview, of the dotmap.
PAPER = "#fcfaf6"  # the ground of a preview
DOT, DOT_EDGE = "#2171b5", "#0b2a4a"
COUNTRY_LINE, STATE_LINE, COUNTY_LINE = "#333333", "#6b6b6b", "#b9b5ad"
