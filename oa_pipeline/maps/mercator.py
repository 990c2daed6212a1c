"""The sphere and the square of web maps."""

from __future__ import annotations

import math

RADIUS = 6_378_137.0  # of the sphere, in metres
HALF = math.pi * RADIUS  # from the Greenwich meridian to the antimeridian, and from the equator to the edge
END = math.degrees(2 * math.atan(math.exp(math.pi)) - math.pi / 2)  # degrees of latitude of that edge, some 85.05
