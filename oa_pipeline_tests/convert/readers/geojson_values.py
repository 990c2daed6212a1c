"""Features and collections as Python values."""

from __future__ import annotations

import json
from typing import Any

POINT = {"type": "Point", "coordinates": [1, 2]}


def feature(properties: Any = None, geometry: Any = POINT, **more: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry, **more}


def collection(*features: Any, **more: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **more}


TWO = [feature({"n": "1"}), feature({"n": "2"})]
LINES = "\n".join(json.dumps(one) for one in TWO)
