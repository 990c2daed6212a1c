"""The dotmap of 50 data sources, two in each of 25 countries: made whole, and made again after one of them changed.

What is measured is what a build does beside its rows in the ledger: results out of the store, tippecanoe twice an area,
archives into the store, and the world put together of them. Then the merging alone, for what it costs a tile, and the
peak memory of putting together archives of so many tiles and of four times as many.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SOURCES, AREAS, ROWS = 50, 25, 20_000
TOWNS = 40  # of a data source
LEAST = 10.0  # times less than making all of it
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MIB = 1024 * 1024


def prepare(store: Any, folder: Path, number: int, rows: int) -> Any:
    """The result of one data source, in towns around a place of its own."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    import shapely

    from oa_pipeline.publish.dotmap.areas import Part
    from oa_pipeline.publish.dotmap.making import sha256_of

    random = np.random.default_rng(number)
    area = number % AREAS
    west, south = -120 + area % 5 * 40 + number // AREAS, -40 + area // 5 * 20
    towns = random.random((TOWNS, 2)) * (4, 3)
    places = towns[random.integers(0, TOWNS, rows)] + random.normal(0, 0.02, (rows, 2)) + (west, south)
    streets = pa.array([f"{name} Street" for name in random.integers(0, 400, rows).tolist()])
    numbers = pa.array([str(n) for n in random.integers(1, 300, rows).tolist()])
    geometry = pa.array(shapely.to_wkb(shapely.points(places)), pa.binary())
    path = folder / "result"
    pq.write_table(pa.table({"number": numbers, "street": streets, "geometry": geometry}), path)
    sha256 = sha256_of(path)
    key = f"runs/{number}/out.parquet"
    store.put(key, path, content_type="x", sha256=sha256)
    return Part(f"x{area:02d}/{number}/addresses/x", number, str(number), key, sha256, rows)


def timed(work: Callable[[], float]) -> tuple[float, float, float]:
    """Wall clock, CPU of this process, and tippecanoe's."""
    began, cpu = time.monotonic(), time.process_time()
    theirs = work()
    return time.monotonic() - began, time.process_time() - cpu, theirs


def whole_and_changed(folder: Path, rows: int) -> None:
    from dataclasses import asdict

    from oa_pipeline.convert.sandbox import Converter
    from oa_pipeline.publish.dotmap.making import Workshop, make_area
    from oa_pipeline.publish.dotmap.world import make_world
    from oa_pipeline.publish.store import open_store

    store = open_store(str(folder / "store"))
    parts: dict[str, list[Any]] = {}
    for number in range(SOURCES):
        parts.setdefault(f"x{number % AREAS:02d}", []).append(prepare(store, folder, number, rows))
    (folder / "work").mkdir()
    areas: dict[str, dict[str, Any]] = {}
    with Converter() as sandbox:
        sandbox.start()
        shop = Workshop(store, sandbox, folder / "work", 3600)

        def build(names: list[str], number: int) -> float:
            spent = 0.0
            for name in names:
                made = make_area(shop, name, parts[name], number)
                assert made.area is not None
                areas[name] = asdict(made.area)
                spent += made.cpu_seconds
            ordered = [areas[name] for name in sorted(areas)]
            make_world(store, ordered, number, shop.folder, moment=NOW, mbtiles=False, say=lambda done, total: None)
            return spent

        whole = timed(lambda: build(sorted(parts), 1))
        changed = timed(lambda: build(["x07"], 2))
        merging = timed(lambda: build([], 3))
    tiles = sum(area["tiles"] for area in areas.values())
    print(f"dotmap of {SOURCES} data sources, {rows * SOURCES:,} addresses, {AREAS} areas, {tiles:,} tiles")
    print(f"{'':<28}{'wall s':>9}{'CPU s':>9}{'of tippecanoe':>15}{'less':>9}")
    for says, (wall, ours, theirs) in (
        ("made whole", whole),
        ("one of them changed", changed),
        ("only merged", merging),
    ):
        less = f"{sum(whole[1:]) / (ours + theirs):>8.1f}x"
        print(f"{says:<28}{wall:>9.2f}{ours + theirs:>9.2f}{theirs:>15.2f}{less}")
    reached = sum(whole[1:]) / sum(changed[1:])
    said = "reached" if reached >= LEAST else f"short of {LEAST:.0f}"
    print(f"one of {SOURCES} changed: {reached:.1f} times less CPU, {whole[0] / changed[0]:.1f} by wall clock  {said}")


def merged(folder: Path, tiles: int) -> None:
    """Puts together archives of so many tiles and says how large the process became."""
    from oa_pipeline.maps.dotmap.archive import Archive
    from oa_pipeline.maps.dotmap.merging import merge
    from oa_pipeline.maps.dotmap.writing import MbtilesWriter, PmtilesWriter

    box = (0, 0, 1, 1)
    for number in range(4):
        writer = PmtilesWriter(folder / f"{number}.pmtiles")
        for tile in range(tiles // 4):
            writer.add(100_000_000 + tile * 4 + number, os.urandom(2000))
        writer.close(box, {})
    files = [(folder / f"{number}.pmtiles").open("rb") for number in range(4)]
    sinks = [PmtilesWriter(folder / "all.pmtiles"), MbtilesWriter(folder / "all.mbtiles")]
    began = time.process_time()
    merge([Archive.of(file) for file in files], sinks, {})
    spent = time.process_time() - began
    said = Path("/proc/self/status").read_text()  # ru_maxrss would be that of whoever started this process
    print(f"{int(said.partition('VmHWM:')[2].split()[0]) * 1024} {spent / tiles}")


def memory(few: int) -> None:
    peaks = []
    for tiles in (few, few * 4):
        with tempfile.TemporaryDirectory(prefix="oa-bench-") as folder:
            arguments = [sys.executable, "-m", "benchmarks.dotmap", "--merged", folder, "--tiles", str(tiles)]
            said = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.split()
        peaks.append(int(said[0]))
        each = f"{float(said[1]) * 1e6:.0f} us a tile"
        print(f"{tiles:>9,} tiles of {tiles * 2000 / MIB:>4.0f} MiB: {int(said[0]) / MIB:>6.1f} MiB at most, {each}")
    growth = peaks[1] - peaks[0]
    print(f"memory of merging grew by {growth / MIB:.1f} MiB  {'kept' if growth < 16 * MIB else 'beyond 16'}")


def main() -> None:
    """Measures all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="of each data source")
    parser.add_argument("--merged", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tiles", type=int, default=50_000)
    asked, _ = parser.parse_known_args()
    if asked.merged:
        merged(asked.merged, asked.tiles)
        return
    with tempfile.TemporaryDirectory(prefix="oa-bench-") as folder:
        whole_and_changed(Path(folder), asked.rows)
    memory(asked.tiles)


if __name__ == "__main__":
    main()
