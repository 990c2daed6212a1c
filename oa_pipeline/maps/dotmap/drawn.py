"""What whoever draws the tiles must know of them."""

from __future__ import annotations

LAYER = "openaddresses"
HIGHEST = 14  # beyond it, browsers draw the tiles of this zoom larger
