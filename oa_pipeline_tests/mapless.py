"""Settings of tests whose runs need no maps, which cost more than the rest of a small run."""

from __future__ import annotations

from typing import Any

MAPLESS: dict[str, Any] = {"previews": False, "slippy_maps": False}
MAPLESS_ENVIRONMENT = {"OA_PREVIEWS": "0", "OA_SLIPPY_MAPS": "0"}
