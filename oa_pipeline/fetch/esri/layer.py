"""What a layer says about itself, read once into a type that cannot be half right."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ...errors import FetchError
from .answers import whole

PAGE_CEILING = 2000  # more a page saves little and makes a lost page dearer
PAGE_DEFAULT = 500  # where a layer does not say, or says something impossible

# How the layer is drawn and administered. Left out of the cache, so that equal features give equal bytes.
_VOLATILE = frozenset(
    {"drawingInfo", "editingInfo", "currentVersion", "templates", "types", "indexes", "htmlPopupType", "isDefault"}
)


@dataclass(frozen=True, slots=True)
class Extent:
    """A box in the layer's own system; `system` is what a query calls it, "" where it is not said."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float
    system: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's abilities."""

    described: Mapping[str, Any]
    oid: str | None
    page_limit: int
    paginates: bool
    orders: bool
    counts_statistics: bool
    extent: Extent | None
    edit_date: int | None

    @property
    def kept(self) -> bytes:
        """The description as it goes into the cache: JSON on one line, without drawing and dates of editing."""
        return msgspec.json.encode({k: v for k, v in self.described.items() if k not in _VOLATILE})


def read_layer(described: Mapping[str, Any]) -> Layer:
    """The abilities in a layer's metadata; FetchError for what is not a layer of features."""
    if not any(described.get(key) for key in ("fields", "objectIdField", "geometryType", "extent")):
        raise FetchError(
            "the address answers, but not as a layer of features",
            cure="add the number of a layer to the address, as in .../FeatureServer/0",
        )
    advanced = described.get("advancedQueryCapabilities")
    abilities: Mapping[str, Any] = advanced if isinstance(advanced, dict) else {}
    asked = whole(described.get("maxRecordCount")) or 0
    return Layer(
        described=described,
        oid=_oid_field(described),
        page_limit=min(asked if 0 < asked < 1 << 31 else PAGE_DEFAULT, PAGE_CEILING),
        paginates=_yes(described.get("supportsPagination")) or _yes(abilities.get("supportsPagination")),
        orders=_yes(abilities.get("supportsOrderBy", True)),
        counts_statistics=_yes(described.get("supportsStatistics")) or _yes(abilities.get("supportsStatistics")),
        extent=_extent(described.get("extent")),
        edit_date=_edit_date(described.get("editingInfo")),
    )


def _yes(value: object) -> bool:
    return value is True or str(value).strip().lower() == "true"


def _oid_field(described: Mapping[str, Any]) -> str | None:
    named = described.get("objectIdField")
    if isinstance(named, str) and named.strip():
        return named.strip()
    fields = described.get("fields")
    for field in fields if isinstance(fields, list) else ():
        if isinstance(field, dict) and field.get("type") == "esriFieldTypeOID" and isinstance(field.get("name"), str):
            return str(field["name"])
    return None


def _extent(held: object) -> Extent | None:
    if not isinstance(held, dict):
        return None
    try:
        xmin, ymin, xmax, ymax = (float(held[key]) for key in ("xmin", "ymin", "xmax", "ymax"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not all(map(math.isfinite, (xmin, ymin, xmax, ymax))):
        return None
    xmin, xmax = sorted((xmin, xmax))
    ymin, ymax = sorted((ymin, ymax))
    # A box without width holds nothing to split; a hair's breadth in degrees and in metres alike.
    hair = 1e-6 * max(1.0, abs(xmin), abs(ymin))
    return Extent(
        xmin - hair * (xmin == xmax),
        ymin - hair * (ymin == ymax),
        xmax + hair * (xmin == xmax),
        ymax + hair * (ymin == ymax),
        _system(held.get("spatialReference")),
    )


def _system(held: object) -> str:
    if not isinstance(held, dict):
        return ""
    number = whole(held.get("latestWkid")) or whole(held.get("wkid"))
    return str(number) if number else (json.dumps({"wkt": held["wkt"]}) if isinstance(held.get("wkt"), str) else "")


def _edit_date(held: object) -> int | None:
    """The latest of the dates: one of them moves for data only, the other for fields as well."""
    if not isinstance(held, dict):
        return None
    dates = [whole(held.get(key)) for key in ("lastEditDate", "dataLastEditDate")]
    return max((d for d in dates if d is not None), default=None)
