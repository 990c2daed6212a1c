"""What a source file says, as frozen types. Parsed once, in `parse`; everything after works on these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .keys import key_of


class Layer(StrEnum):
    """The four kinds of things that are collected."""

    ADDRESSES = "addresses"
    BUILDINGS = "buildings"
    PARCELS = "parcels"
    CENTERLINES = "centerlines"


# Published attributes in output order, `hash` (always first) aside.
ATTRIBUTES: Mapping[Layer, tuple[str, ...]] = {
    Layer.ADDRESSES: ("number", "street", "unit", "city", "district", "region", "postcode", "id", "accuracy"),
    Layer.BUILDINGS: ("id", "height", "levels"),
    Layer.PARCELS: ("pid",),
    Layer.CENTERLINES: (
        "id",
        "name",
        "oneway",
        "speed",
        "classification",
        "surface",
        "addr_from_left",
        "addr_to_left",
        "addr_from_right",
        "addr_to_right",
        "zip_left",
        "zip_right",
    ),
}


class Protocol(StrEnum):
    """How the data is reached."""

    HTTP = "http"
    FTP = "ftp"
    FILE = "file"
    ESRI = "esri"


class Format(StrEnum):
    """What the data is, once unpacked."""

    CSV = "csv"
    GEOJSON = "geojson"
    SHAPEFILE = "shapefile"
    SHAPEFILE_POLYGON = "shapefile-polygon"
    GDB = "gdb"
    GPKG = "gpkg"
    XML = "xml"
    KML = "kml"


class Compression(StrEnum):
    """How the download is packed."""

    ZIP = "zip"
    GZIP = "gzip"


# ---- attribute values: what a conform maps an attribute to ---------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """The cell of one column."""

    name: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Several cells, stripped, the empty ones left out, joined by one blank."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value in every row. An `int` stays an integer in GeoJSON (accuracy only)."""

    value: str | int


@dataclass(frozen=True, slots=True)
class Join:
    """`join`."""

    fields: tuple[str, ...]
    separator: str = " "


@dataclass(frozen=True, slots=True)
class FormatText:
    """`format`: `$1`, `$2` ... in `template` are the fields' values."""

    fields: tuple[str, ...]
    template: str


@dataclass(frozen=True, slots=True)
class Regexp:
    """`regexp`; `replace` is None where it is absent or empty."""

    field: str
    pattern: str
    replace: str | None = None


@dataclass(frozen=True, slots=True)
class PrefixedNumber:
    """`prefixed_number`."""

    field: str


@dataclass(frozen=True, slots=True)
class PostfixedStreet:
    """`postfixed_street`."""

    field: str
    may_contain_units: bool = False


@dataclass(frozen=True, slots=True)
class PostfixedUnit:
    """`postfixed_unit`."""

    field: str


@dataclass(frozen=True, slots=True)
class RemovePrefix:
    """`remove_prefix`."""

    field: str
    field_to_remove: str


@dataclass(frozen=True, slots=True)
class RemovePostfix:
    """`remove_postfix`."""

    field: str
    field_to_remove: str


@dataclass(frozen=True, slots=True)
class FirstNonEmpty:
    """`first_non_empty`."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MapValues:
    """`map`: pairs of cell text and value; `otherwise` is the file's `else`."""

    field: str
    pairs: tuple[tuple[str, str | int | float], ...]
    otherwise: str | int | float | None = None


@dataclass(frozen=True, slots=True)
class MphToKph:
    """`mph_to_kph`."""

    field: str


@dataclass(frozen=True, slots=True)
class Get:
    """`get`: the value at `index` (from 0) of a column that holds repeated values."""

    field: str
    index: int


@dataclass(frozen=True, slots=True)
class Chain:
    """`chain`: steps in order; `variable` names the working value."""

    steps: tuple[Value, ...]
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A function that nobody has defined: its result is empty, and lint says so."""

    function: str


Value = (
    Column
    | Columns
    | Constant
    | Join
    | FormatText
    | Regexp
    | PrefixedNumber
    | PostfixedStreet
    | PostfixedUnit
    | RemovePrefix
    | RemovePostfix
    | FirstNonEmpty
    | MapValues
    | MphToKph
    | Get
    | Chain
    | Unknown
)


@dataclass(frozen=True, slots=True)
class Conform:
    """How to read the data: processing tags, then `attributes` in the order in which the file lists them."""

    format: Format | None
    format_text: str
    attributes: tuple[tuple[str, Value], ...]
    srs: str | None = None
    file: str | None = None
    layer: str | int | None = None
    encoding: str | None = None
    csvsplit: str = ","
    headers: int | None = None
    skiplines: int | None = None
    lat: str | None = None
    lon: str | None = None

    def value(self, attribute: str) -> Value | None:
        """What the conform maps `attribute` to."""
        return dict(self.attributes).get(attribute)


@dataclass(frozen=True, slots=True)
class AcceptanceTest:
    """One row to conform and the attribute values it must give."""

    description: str
    inputs: tuple[tuple[str, str | None], ...]
    expected: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Licence:
    """What may be done with the data. Empty texts where the file is silent."""

    text: str = ""
    attribution_required: bool | None = None
    attribution_name: str = ""
    share_alike: bool | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where the data lies. `declared` holds the object as the file gives it (JSON types, read-only by agreement)."""

    declared: Mapping[str, Any]

    @property
    def complete(self) -> bool:
        """Whether one of the keys that can be drawn is there, whatever it holds."""
        return any(key in self.declared for key in ("US Census", "ISO 3166", "geometry"))


@dataclass(frozen=True, slots=True)
class DataSource:
    """One (source, layer, name): the unit of work and one Dagster partition."""

    source: str  # "us/ca/alameda": the path without "sources/" and ".json"
    layer: Layer
    name: str
    data: str
    protocol: Protocol | None
    protocol_text: str
    compression: Compression | None
    compression_text: str
    conform: Conform | None
    skip: bool
    tests: tuple[AcceptanceTest, ...]  # the enabled ones
    licence: Licence
    website: str
    coverage: Coverage
    request_headers: tuple[tuple[str, str], ...] = ()
    declared: Mapping[str, Any] | None = None  # the data source's own JSON object, for the converter's task
    first: bool = True  # of its layer in the file: the one that the public's old addresses name
    digest: str = ""  # SHA-256 of `declared` (its name aside) and `coverage`: changes when the file's meaning does

    @property
    def key(self) -> str:
        """The partition key, `us/ca/alameda/addresses/county`."""
        return key_of(self.source, self.layer, self.name)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes this data source publishes in GeoJSON, in order.

        All of the layer's; of buildings `id` only where the conform maps it, as readers of the 2026 schema expect.
        """
        names = ATTRIBUTES[self.layer]
        if self.layer is Layer.BUILDINGS and not (self.conform and self.conform.value("id")):
            names = tuple(n for n in names if n != "id")
        return names


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the source repository."""

    path: str  # "us/ca/alameda"
    schema: int  # 1 or 2
    data_sources: tuple[DataSource, ...]
    coverage: Coverage
    blob_sha: str = ""  # git's SHA-1 of the file
