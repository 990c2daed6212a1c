"""Source files for tests."""

from __future__ import annotations

import json
from typing import Any


def source(*names: str, layer: str = "addresses", data: str = "https://example.com/{}.csv", **more: Any) -> str:
    """A source file with data sources of these names."""
    declared = [
        {
            "name": name,
            "protocol": "http",
            "data": data.format(name),
            "conform": {"format": "csv", "lon": "x", "lat": "y", "number": "number", "street": "street"},
            **more,
        }
        for name in names
    ]
    held = {
        "schema": 2,
        "coverage": {"country": "us", "US Census": {"geoid": "06001"}},
        "layers": {layer: declared},
    }
    return json.dumps(held, indent=4)
