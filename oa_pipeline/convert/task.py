"""What a converter is asked and what it answers. Both cross a process boundary as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..errors import Problem

FORMATS = ("geojson", "csv", "parquet")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a converter may use. The sandbox enforces the first block, the readers the second."""

    memory: int = 4 * 1024**3  # bytes of address space
    cpu_seconds: int = 3 * 3600
    seconds: int = 6 * 3600  # wall clock
    file_bytes: int = 64 * 1024**3  # largest file written
    open_files: int = 256

    unpacked_bytes: int = 60 * 1024**3
    members: int = 100_000
    ratio: int = 200  # inflated to packed, judged above ratio_floor
    ratio_floor: int = 100 * 1024**2
    depth: int = 2  # zips inside zips
    cell_chars: int = 64 * 1024  # longer cells are cut and counted
    feature_bytes: int = 64 * 1024**2  # one GeoJSON or ESRI feature
    vertices: int = 2_000_000  # of one geometry
    pattern_chars: int = 64 * 1024
    pattern_seconds: float = 2.0  # one pattern on one distinct value
    rows: int | None = None  # stop after so many (samples); None: all


@dataclass(frozen=True, slots=True)
class Task:
    """One conversion: everything the child needs to know, and no more.

    `what` may also be to try the acceptance tests, or to make the maps of a result, whose kinds are in `formats`.
    `input` is relative to the child's working folder (empty for tests). Outputs go to that folder, the only one it
    can write.
    """

    source: str
    layer: str
    name: str
    declared: dict[str, Any]  # the data source's JSON object; parsed again in the child
    coverage: dict[str, Any]
    input: str
    input_form: Literal["file", "esri"]
    file_name: str
    content_type: str
    what: Literal["convert", "tests", "maps"] = "convert"
    formats: tuple[str, ...] = FORMATS
    member: str = ""  # name of the csv in its zip, where it is not the source's
    plain_geojson: bool = False  # out.geojson instead of out.geojson.gz
    limits: Limits = field(default_factory=Limits)

    def as_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, held: dict[str, Any]) -> Task:
        """The inverse of `as_json`."""
        return cls(**{**held, "formats": tuple(held["formats"]), "limits": Limits(**held["limits"])})


@dataclass(frozen=True, slots=True)
class Output:
    """One file a conversion made."""

    path: str
    size: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversion ended. `problem` is None when there is output."""

    problem: Problem | None
    detail: str = ""
    cure: str = ""
    rows: int = 0
    counters: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)  # by kind: geojson, csv, parquet, sample
    warnings: tuple[str, ...] = ()
    geometry_type: str = ""  # as OGR names it: Point, Polygon, MultiPolygon ...
    bounds: tuple[float, float, float, float] | None = None  # west, south, east, north of usable rows
    sample: tuple[tuple[str, ...], ...] = ()  # a header and up to five rows of the publisher's columns
    tests: tuple[dict[str, Any], ...] = ()  # acceptance tests: description, passed, expected, got, error
    content_hash: str = ""  # order-free digest of all row hashes
    seconds: dict[str, float] = field(default_factory=dict)  # by stage
    walls: dict[str, str] = field(default_factory=dict)  # which sandbox walls stand, "up" or the reason why not
    peak_memory: int = 0  # bytes resident
    cpu_seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)  # of the libraries that are no Python packages

    def as_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return asdict(self)
