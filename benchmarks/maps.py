"""A run's preview against a plain one, and its slippy map against plain tippecanoe on the run's GeoJSON.

The plain preview passes over GeoJSON lines three times, a feature at a time (mean and deviation, what lies within,
drawing), and draws a circle for each point; it does so for a tenth of the rows, scaled. Plain tippecanoe keeps all
attributes, as the slippy maps of old did; ours is all there is to do for one: rows out of GeoParquet, lines with
number, street and unit, tippecanoe behind walls, the archive looked into.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROWS = 1_000_000
TENTH = 10
PREVIEW_LEAST = 20.0  # times less CPU than the plain one
RADIUS = 6_378_137.0
MIB = 1024 * 1024
Spent = tuple[float, float]  # wall clock, CPU


def prepare(folder: Path, rows: int) -> tuple[Path, Path]:
    """A converted county: GeoParquet, and GeoJSON lines."""
    from benchmarks import data
    from benchmarks.conforms import CONFORMS
    from oa_pipeline.process import process
    from oa_pipeline.settings import Settings
    from oa_pipeline.sources.parse import parse_source

    given = folder / "county.csv"
    data.write_csv(given, rows)
    conform = {"format": "csv", "lon": "LON", "lat": "LAT", **CONFORMS["join"]}
    one = {"name": "county", "protocol": "http", "data": f"file://{given}", "conform": conform}
    source = {"schema": 2, "coverage": {"country": "us"}, "layers": {"addresses": [one]}}
    made = process(
        parse_source(json.dumps(source).encode(), "us/zz/county").data_sources[0],
        folder / "out",
        settings=Settings(allow_local_sources=True),
        formats=("geojson", "parquet"),
        plain_geojson=True,
    )
    assert made.outcome.rows == rows, made.outcome
    return made.files["parquet"], made.files["geojson"]


def children(work: Callable[[], Any]) -> Spent:
    """Wall clock, and CPU of this process and of those it waited for."""
    before, began = os.times(), time.monotonic()
    work()
    after = os.times()
    return time.monotonic() - began, sum(after[:4]) - sum(before[:4])


def places(lines: Path) -> Iterator[tuple[float, float]]:
    """Metres on the web map, a feature at a time."""
    with lines.open() as file:
        for line in file:
            longitude, latitude = json.loads(line)["geometry"]["coordinates"][:2]
            yield (
                RADIUS * math.radians(longitude),
                RADIUS * math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2)),
            )


def plain_preview(lines: Path, out: Path) -> None:
    """As one would write it first."""
    from PIL import Image, ImageDraw

    count = 0
    sums = [0.0] * 4
    for x, y in places(lines):
        count += 1
        for position, value in enumerate((x, x * x, y, y * y)):
            sums[position] += value
    middle = (sums[0] / count, sums[2] / count)
    deviation = (math.sqrt(sums[1] / count - middle[0] ** 2), math.sqrt(sums[3] / count - middle[1] ** 2))
    edges = [math.inf, math.inf, -math.inf, -math.inf]
    for x, y in places(lines):
        if abs(x - middle[0]) <= 5 * deviation[0] and abs(y - middle[1]) <= 3 * deviation[1]:
            edges = [min(edges[0], x), min(edges[1], y), max(edges[2], x), max(edges[3], y)]
    metres = (edges[2] - edges[0]) * 1.04 / 1336
    radius = max(1.0, 15 / metres)
    picture = Image.new("RGB", (1336, max(1, round((edges[3] - edges[1]) * 1.04 / metres))), "#fcfaf6")
    draw = ImageDraw.Draw(picture)
    for x, y in places(lines):
        across, down = (x - edges[0]) / metres, (edges[3] - y) / metres
        draw.ellipse(
            (across - radius, down - radius, across + radius, down + radius), fill="#2171b5", outline="#0b2a4a"
        )
    picture.save(out)


def preview(sandbox: Any, parquet: Path, lines: Path, folder: Path, rows: int, times: int) -> None:
    from oa_pipeline.process.pictures import Wanted, draw

    tenth = folder / "tenth.geojsonl"
    with lines.open("rb") as whole, tenth.open("wb") as part:
        part.writelines(line for number, line in enumerate(whole) if number % TENTH == 0)
    ratios, ours = [], []
    for _ in range(times):
        plain = children(lambda: plain_preview(tenth, folder / "plain.png"))
        began = time.monotonic()
        with _cpu() as cpu:
            maps = draw(sandbox, data_source(), parquet, folder, Wanted(preview=True), **_asked())
        spent = (time.monotonic() - began, cpu.seconds)
        assert "preview" in maps.outputs, maps.warnings
        ratios.append(plain[1] * TENTH / spent[1])
        ours.append(spent)
    wall, cpu_seconds = (statistics.median(column) for column in zip(*ours, strict=True))
    peak = max(cpu.peaks)
    reached = statistics.median(ratios)
    said = "reached" if reached >= PREVIEW_LEAST else f"short of {PREVIEW_LEAST:.0f}"
    print(
        f"preview of {rows:,} points: {wall:.2f} s, {cpu_seconds:.2f} CPU s, {peak / MIB:.0f} MiB;"
        f" {reached:.0f} times less CPU than a plain one  {said}"
    )


class _cpu:  # noqa: N801 - a context, used like a function
    """What walled Python processes spent meanwhile; they are another process's children."""

    peaks: list[int] = []  # noqa: RUF012 - of all of them

    def __enter__(self) -> _cpu:
        from oa_pipeline.convert.sandbox import Converter

        self._run, self._execute = Converter.run, Converter.execute
        self._began, self.seconds = time.process_time(), 0.0

        def noting(method: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **more: Any) -> Any:
                ended = method(*arguments, **more)
                self.seconds += ended.cpu_seconds
                self.peaks.append(ended.peak_memory)
                return ended

            return call

        Converter.run, Converter.execute = noting(self._run), noting(self._execute)  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        from oa_pipeline.convert.sandbox import Converter

        Converter.run, Converter.execute = self._run, self._execute  # type: ignore[method-assign]
        self.seconds += time.process_time() - self._began


def tiles(sandbox: Any, parquet: Path, lines: Path, folder: Path, rows: int, times: int) -> None:
    from oa_pipeline.maps.tippecanoe import program
    from oa_pipeline.process.pictures import Wanted, draw

    out = folder / "plain.pmtiles"
    command = [str(program()), "-q", "-f", "-r3", "-ldots", "-t", str(folder), "-o", str(out), str(lines)]
    alternated = []
    for _ in range(times):
        plain = children(lambda: subprocess.run(command, check=True))
        began = time.monotonic()
        with _cpu() as cpu:
            maps = draw(sandbox, data_source(), parquet, folder, Wanted(tiles=True), **_asked())
        assert "pmtiles" in maps.outputs, maps.warnings
        alternated.append((*plain, time.monotonic() - began, cpu.seconds))
    their_wall, their_cpu, wall, cpu_seconds = (statistics.median(column) for column in zip(*alternated, strict=True))
    print(
        f"slippy map of {rows:,} points: {wall:.1f} s, {cpu_seconds:.1f} CPU s,"
        f" {maps.outputs['pmtiles'].size / MIB:.1f} MiB;"
        f" plain tippecanoe {their_wall:.1f} s, {their_cpu:.1f} CPU s, {out.stat().st_size / MIB:.1f} MiB:"
        f" {their_cpu / cpu_seconds:.2f} times less CPU, {their_wall / wall:.2f} times less wall clock"
    )


def data_source() -> Any:
    from oa_pipeline.sources.parse import parse_declared

    return parse_declared({"name": "county", "data": "https://example.com/a.csv"}, {}, "us/zz/county", "addresses")


def _asked() -> dict[str, Any]:
    from oa_pipeline.settings import Settings

    return {"settings": Settings(map_seconds=3600), "on_progress": lambda *_: None}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.maps", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--only", choices=["preview", "tiles"])
    asked, _ = parser.parse_known_args()
    from oa_pipeline.convert.sandbox import Converter

    print(f"maps of a run, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="oa-bench-") as name, Converter() as sandbox:
        folder = Path(name)
        parquet, lines = prepare(folder, asked.rows)
        sandbox.start()
        for what, measure in (("preview", preview), ("tiles", tiles)):
            if asked.only in (None, what):
                measure(sandbox, parquet, lines, folder, asked.rows, asked.times)


if __name__ == "__main__":
    main()
