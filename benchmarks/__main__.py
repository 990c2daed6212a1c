"""`make bench`: the pipeline against a plain row-at-a-time oracle, in one run on generated data.

Each line alternates the oracle on a tenth of the rows (scaled) with `oa process-one` on all of them, and shows medians.
The oracle writes GeoJSON only; so does the pipeline here, except in the lines marked "all outputs".
`make bench ARGS="--only csv --conforms join --alternations 1"` measures a part, `--quick` a little of everything.
Each line says how busy the machine was: what is measured above a load of one or two is worth little.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.conforms import CONFORMS
from benchmarks.measure import Cost, run

MIB = 1024 * 1024
MOST_BYTES = 600_000_000  # of memory, for any number of rows
GROWTH = 0.15  # of memory, from the usual number of rows to four times as many


@dataclass(frozen=True)
class Kind:
    """One format: how its data is written, and the tags its source needs."""

    suffix: str
    write: Callable[[Path, int], None]
    conform: Mapping[str, Any]
    target: float  # times faster than the oracle, by CPU


# What has a module with a `main` of its own.
PARTS: Mapping[str, str] = {
    "paging": "esri",
    "runs": "runs",
    "ledger": "ledger",
    "sets": "sets",
    "collections": "collections",
    "dotmap": "dotmap",
    "github": "github",
    "site": "site",
    "maps": "maps",
}


def _ogr(driver: str, **options: Any) -> Callable[[Path, int], None]:
    return lambda path, rows: data.write_ogr(path, rows, driver=driver, **options)


POINTS = {"lon": "LON", "lat": "LAT"}
KINDS: Mapping[str, Kind] = {
    "csv": Kind(".csv", data.write_csv, {"format": "csv", **POINTS}, 8),
    "csv-projected": Kind(
        ".csv", data.write_csv_projected, {"format": "csv", "lon": "X", "lat": "Y", "srs": data.PROJECTED}, 8
    ),
    "esri": Kind(".esri.jsonl.gz", data.write_esri, {"format": "geojson"}, 8),
    "shapefile": Kind(".shp", _ogr("ESRI Shapefile"), {"format": "shapefile"}, 5),
    "shapefile-polygons": Kind(".shp", _ogr("ESRI Shapefile", polygons=True), {"format": "shapefile"}, 5),
    "geojson": Kind(".geojson", data.write_geojson, {"format": "geojson"}, 5),
    "gdb": Kind(".gdb", _ogr("OpenFileGDB"), {"format": "gdb"}, 5),
    "gpkg": Kind(".gpkg", _ogr("GPKG"), {"format": "gpkg"}, 5),
}


@dataclass(frozen=True)
class Made:
    """Data of one kind and length: the file the oracle opens, and what a publisher would serve."""

    plain: Path
    served: Path
    compression: str | None


def make(folder: Path, name: str, rows: int) -> Made:
    """Writes the data, or finds it written."""
    kind = KINDS[name]
    place = folder / f"{name}-{rows}"
    plain = place / f"data{kind.suffix}"
    served, compression = plain, None
    packed = place / "data.zip"
    if kind.suffix in {".shp", ".gdb"}:
        served, compression = packed, "zip"
    if not (place / "done").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        print(f"  writing {rows:,} rows of {name}", file=sys.stderr)
        kind.write(plain, rows)
        if compression:
            _pack(place, packed)
        (place / "done").touch()
    return Made(plain, served, compression)


def _pack(place: Path, packed: Path) -> None:
    files = [p for p in sorted(place.rglob("data*/**/*")) + sorted(place.glob("data.*")) if p.is_file() and p != packed]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in dict.fromkeys(files):
            archive.write(path, path.relative_to(place))


def source(folder: Path, name: str, conform: str, made: Made) -> Path:
    """The source file."""
    declared: dict[str, Any] = {
        "name": "county",
        "protocol": "http",
        "data": f"file://{made.served}",
        "conform": {**KINDS[name].conform, **CONFORMS[conform]},
    }
    if made.compression:
        declared["compression"] = made.compression
    path = folder / f"{name}-{conform}-{made.plain.parent.name.rsplit('-', 1)[1]}.json"
    path.write_text(
        json.dumps(
            {
                "schema": 2,
                "coverage": {"country": "us", "ISO 3166": {"alpha2": "US"}},
                "layers": {"addresses": [declared]},
            }
        )
    )
    return path


def oracle(folder: Path, name: str, conform: str, rows: int) -> Cost:
    made = make(folder, name, rows)
    out = folder / "oracle.geojson"
    return run(
        [sys.executable, "-m", "benchmarks.plain", str(source(folder, name, conform, made)), str(made.plain), str(out)]
    )


def ours(folder: Path, name: str, conform: str, rows: int, formats: str) -> Cost:
    made = make(folder, name, rows)
    file = source(folder, name, conform, made)
    if name == "esri":
        return run(
            [sys.executable, "-m", "benchmarks.converted", str(file), str(made.plain), str(folder / "out"), formats]
        )
    oa = str(Path(sys.executable).with_name("oa"))
    return run([oa, "process-one", str(file), str(folder / "out"), "--allow-local", "--formats", formats])


def floor(folder: Path, name: str, conform: str, rows: int) -> float:
    """CPU seconds of GDAL's own reading of the columns that the conform names; 0 where GDAL does not read."""
    if name in {"csv", "csv-projected", "esri", "geojson"}:
        return 0.0
    made = make(folder, name, rows)
    held = json.dumps(CONFORMS[conform])
    columns = [column for column in data.attributes(next(data.frames(1))).columns if f'"{column}"' in held]
    return run([sys.executable, "-m", "benchmarks.floor", str(made.plain), *columns]).cpu


def verdict(reached: float, target: float, floor_cpu: float, oracle_cpu: float) -> str:
    """Whether the target is reached and, where GDAL reads, what its reading alone would allow."""
    said = "reached" if reached >= target else f"short of {target:.0f}"
    if not floor_cpu:
        return said
    return f"{said}; GDAL alone reads it in {floor_cpu:.1f} CPU s, {oracle_cpu / floor_cpu:.0f}x"


def compare(folder: Path, name: str, conform: str, rows: int, alternations: int) -> None:
    """Prints one line: medians, and the ratio by CPU and by wall clock."""
    tenth = rows // 10
    plain, fast = [], []
    for _ in range(alternations):
        plain.append(oracle(folder, name, conform, tenth))
        fast.append(ours(folder, name, conform, rows, "geojson"))
    by_cpu = statistics.median(p.cpu * 10 / f.cpu for p, f in zip(plain, fast, strict=True))
    by_wall = statistics.median(p.wall * 10 / f.wall for p, f in zip(plain, fast, strict=True))
    cpu = statistics.median(f.cpu for f in fast)
    wall = statistics.median(f.wall for f in fast)
    oracle_cpu = statistics.median(p.cpu for p in plain) * 10
    said = verdict(by_cpu, KINDS[name].target, floor(folder, name, conform, rows), oracle_cpu)
    print(
        f"{name:<20}{conform:<10}{oracle_cpu:>10.1f}{cpu:>10.2f}{wall:>10.2f}{by_cpu:>9.1f}x{by_wall:>9.1f}x"
        f"{max(f.peak for f in fast) / MIB:>9.0f}{os.getloadavg()[0]:>6.1f}  {said}",
        flush=True,
    )


def memory(folder: Path, name: str, sizes: list[int]) -> None:
    """Prints the peak at several lengths, with all outputs written, and how it grows from the second to the last."""
    costs = [ours(folder, name, "join", rows, "geojson,csv,parquet") for rows in sizes]
    peaks = "".join(f"{c.peak / MIB:>12.0f}" for c in costs)
    last, growth = costs[-1], costs[-1].peak / costs[1].peak - 1
    said = "kept" if growth < GROWTH and last.peak < MOST_BYTES else f"beyond {GROWTH:.0%} or {MOST_BYTES / 1e6:.0f} MB"
    print(f"{name:<20}{peaks}{growth:>+9.0%}  {said}; CPU {last.cpu:.1f} s for the last", flush=True)


def main() -> None:
    """Measures what the arguments ask for; everything by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", action="append", choices=[*KINDS, "memory", *PARTS], help="repeatable")
    parser.add_argument("--conforms", action="append", choices=list(CONFORMS), help="repeatable")
    parser.add_argument("--alternations", type=int, help="3, or 1 where it has to be quick")
    parser.add_argument("--quick", action="store_true", help="one alternation, conform join only; of the parts, paging")
    parser.add_argument("--data", type=Path, help="keep the generated data here for the next time")
    asked = parser.parse_args()
    chosen = asked.only or [*KINDS, "memory", *(["paging"] if asked.quick else PARTS)]
    alternations = asked.alternations or (1 if asked.quick else 3)
    conforms = asked.conforms or (["join"] if asked.quick else list(CONFORMS))
    with tempfile.TemporaryDirectory(prefix="oa-bench-") as scratch:
        folder = (asked.data or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        kinds = [name for name in chosen if name in KINDS]
        if kinds:
            print(f"{asked.rows:,} rows; the oracle on {asked.rows // 10:,}, scaled; medians of {alternations}")
            print(
                f"{'format':<20}{'conform':<10}{'oracle s':>10}{'CPU s':>10}{'wall s':>10}"
                f"{'by CPU':>10}{'by wall':>10}{'MiB':>9}{'load':>6}"
            )
        for name in kinds:
            for conform in conforms:
                compare(folder, name, conform, asked.rows, alternations)
        if "memory" in chosen:
            sizes = [asked.rows // 10, asked.rows, asked.rows * 4]
            lengths = "".join(f"{rows:>12,}" for rows in sizes)
            print(f"\n{'peak resident MiB':<20}{lengths}{'growth':>9}  (all outputs)")
            for name in (asked.only and [n for n in asked.only if n in KINDS]) or ["csv", "geojson", "gpkg"]:
                memory(folder, name, sizes)
        for name in [name for name in PARTS if name in chosen]:
            print()
            importlib.import_module(f"benchmarks.{PARTS[name]}").main()


if __name__ == "__main__":
    main()
