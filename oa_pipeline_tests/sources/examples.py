"""Small source files for the tests of this folder."""

from __future__ import annotations

import json
from typing import Any

COVERAGE = {"US Census": {"geoid": "06001"}, "country": "us", "state": "ca", "county": "Alameda"}


def data_source(**changed: Any) -> dict[str, Any]:
    """A data source that nothing is wrong with; a value of None takes a key out."""
    held = {
        "name": "county",
        "protocol": "http",
        "data": "https://example.org/a.csv",
        "conform": conform(),
        **changed,
    }
    return {key: value for key, value in held.items() if value is not None}


def conform(**changed: Any) -> dict[str, Any]:
    """A conform that nothing is wrong with; a value of None takes a key out."""
    held = {"format": "csv", "number": "NO", "street": "ST", "lon": "X", "lat": "Y", **changed}
    return {key: value for key, value in held.items() if value is not None}


def source(*data_sources: dict[str, Any], layer: str = "addresses", **changed: Any) -> dict[str, Any]:
    """A source file's object with these data sources, or with one."""
    layers = {layer: list(data_sources or [data_source()])}
    return {"schema": 2, "coverage": COVERAGE, "layers": layers, **changed}


def text(held: Any) -> bytes:
    """The bytes of a file."""
    return json.dumps(held, indent=1, ensure_ascii=False).encode()
