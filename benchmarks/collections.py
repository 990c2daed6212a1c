"""Regional zips: members copied packed, against inflating them and deflating them again with Python's zipfile.

Both make the same zips of the same results, in one run, each in a process of its own. The copy is also measured by
itself, from file to file without hashing and without the results' documents. Then the peak memory of whole builds, with
GeoParquet, of results and of four times as many.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from benchmarks import data
from benchmarks.measure import _resident as resident

MIB = 1024 * 1024
LEAST = {"copy": 200.0, "whole": 50.0}  # times less CPU than deflating again
SAYS = {
    "deflate": "inflated and deflated, zipfile level 6",
    "copy": "copied packed, file to file",
    "whole": "... with hashes, documents and the store",
}
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLACES = ("us/or/linn", "us/ny/kings", "fr/paris", "de/berlin", "nz/wellington", "za/cape")
RESULTS, ROWS = 12, 100_000  # most rows are in results of such a size and larger


def prepare(folder: Path, results: int, rows: int) -> None:
    """Results of data sources in a store, and their rows of the ledger in a file."""
    import polars as pl

    from oa_pipeline.convert.batch import Points
    from oa_pipeline.convert.crs import to_lonlat
    from oa_pipeline.convert.geometry import locate
    from oa_pipeline.convert.outputs import make_block
    from oa_pipeline.convert.outputs.writers import open_writers
    from oa_pipeline.counters import Counters
    from oa_pipeline.publish.store import StoredObject, content_type, open_store
    from oa_pipeline.sources.model import ATTRIBUTES, Layer

    layer = Layer.ADDRESSES
    store = open_store(str(folder / "store"))
    scratch = folder / "scratch"
    scratch.mkdir()
    located: list[dict[str, Any]] = []
    for number in range(results):
        frame = data._frame(number * rows, rows)
        street = pl.concat_str("FDPRE", "FNAME", "FTYPE", separator=" ").str.strip_chars()
        text = frame.select(
            number=pl.col("HOUSE").cast(pl.String), street=street, unit="UNIT_NO", city="CITY", district="COUNTY",
            region="STATE", postcode="ZIP", id="PARCEL", accuracy=pl.lit(""),
        )  # fmt: skip
        shift = number * 1.5 % 20
        points = Points(frame["LON"].to_numpy() + shift, frame["LAT"].to_numpy() - shift / 2)
        block = make_block(
            text, ATTRIBUTES[layer], layer, locate(points, to_lonlat("EPSG:4326", "x"), layer, Counters())
        )
        source = f"{PLACES[number % len(PLACES)]}{number}"
        outputs = {}
        for kind, writer in open_writers(scratch, source, layer, "x", ATTRIBUTES[layer], ("csv", "parquet")).items():
            writer.write(block)
            made = writer.close()
            path = scratch / made.path
            kept = StoredObject(
                f"runs/{number}/{path.name}", made.size, made.sha256, content_type(path.name), made.rows
            )
            store.put(kept.key, path, content_type=kept.content_type, sha256=kept.sha256)
            outputs[kind] = kept.as_json()
            path.unlink()
        located.append(row(number, source, outputs))
    (folder / "rows.json").write_text(json.dumps(located))


def row(number: int, source: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the ledger says of the run."""
    return {
        "id": number, "key": f"{source}/addresses/x", "source": source, "layer": "addresses", "name": "x",
        "first": True, "copy_of": None, "licence": "CC0", "attribution_required": None, "attribution_name": "",
        "share_alike": number % 10 == 0, "website": "", "commit_sha": "", "outputs": outputs,
    }  # fmt: skip


def snapshot(folder: Path) -> Any:
    from oa_pipeline.publish.collections.snapshot import taken

    return taken(json.loads((folder / "rows.json").read_text()), taken_at=NOW)


def members(folder: Path) -> list[tuple[Path, list[str], list[str]]]:
    """Of each result: its zip, the zips that it goes into, and the members that do."""
    from oa_pipeline.publish.collections.regions import file_name

    found = []
    for source in snapshot(folder).sources:
        names = [
            p.format(source.base) for p in ("{}.csv", "{}.vrt", "summary/{}-summary.csv", "summary/{}-summary.vrt")
        ]
        targets = [file_name(area, source.suffix) for area in source.areas]
        found.append((folder / "store" / source.outputs["csv"].key, targets, names))
    return found


def each_member(folder: Path, method: int | None, add: Callable[[ZipFile, ZipFile, str], None]) -> None:
    """Adds every member to the zips that it goes into."""
    out = folder / "plain"
    out.mkdir(exist_ok=True)
    with ExitStack() as stack:
        archives: dict[str, ZipFile] = {}
        for path, targets, names in members(folder):
            with ZipFile(path) as held:
                for target in targets:
                    if target not in archives:
                        archives[target] = stack.enter_context(
                            ZipFile(out / target, "w", method or ZIP_DEFLATED, compresslevel=6)
                        )
                    for name in names:
                        add(archives[target], held, name)


def deflate(folder: Path) -> None:
    """Inflated and deflated again, level 6."""
    each_member(folder, ZIP_DEFLATED, lambda archive, held, name: archive.writestr(name, held.read(name)))


def copy(folder: Path) -> None:
    """Copied packed, from file to file."""
    from oa_pipeline.zips.members import copy_member

    each_member(folder, None, lambda archive, held, name: copy_member(archive, held, name))


def whole(folder: Path) -> None:
    """All that makes the zips of a build: looks, documents, hashes of what is read and of what is written."""
    from oa_pipeline.publish.collections.directory import directories
    from oa_pipeline.publish.collections.zips import write_zips
    from oa_pipeline.publish.store import open_store

    store = open_store(str(folder / "store"))
    held = snapshot(folder)
    found, _ = directories(store, held.sources)
    write_zips(store, "collections/1/", held, found, lambda _s, _n: None)


def everything(folder: Path) -> None:
    """A build with GeoParquet."""
    from oa_pipeline.publish.collections.build import build
    from oa_pipeline.publish.store import open_store

    store = open_store(str(folder / "store"))
    work = folder / "work"
    work.mkdir(exist_ok=True)
    build(store, "collections/2/", snapshot(folder), work, say=lambda _: None)


TASKS: Mapping[str, Callable[[Path], None]] = {
    "deflate": deflate, "copy": copy, "whole": whole, "everything": everything,
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Seconds of the work alone, and the peak of the process in bytes."""

    cpu: float
    wall: float
    peak: int


def alone(folder: Path, task: str, *more: int) -> Cost:
    """The task in a process of its own; loading modules is not counted."""
    command = [sys.executable, "-m", "benchmarks.collections", "--folder", str(folder), "--task", task, *map(str, more)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Cost(*json.loads(done.stdout))


def carry_out(folder: Path, task: str, more: Sequence[int]) -> None:
    """Does the task, and prints its cost."""
    import oa_pipeline.publish.collections.build  # noqa: F401 - loaded before the clock starts

    work = TASKS.get(task) or (lambda place: prepare(place, *more))
    for left in ("plain", "work", "store/collections"):  # nobody's files are replaced while the clock runs
        shutil.rmtree(folder / left, ignore_errors=True)
    cpu, wall = time.process_time(), time.perf_counter()
    work(folder)
    spent = [time.process_time() - cpu, time.perf_counter() - wall]
    print(json.dumps([*spent, resident(os.getpid())]))


def main(results: int = RESULTS, rows: int = ROWS, alternations: int = 3) -> None:
    """Prints how the ways compare, and the memory of whole builds."""
    with tempfile.TemporaryDirectory(prefix="oa-bench-") as name:
        small, large = Path(name, "small"), Path(name, "large")
        for folder, count in ((small, results), (large, results * 4)):
            folder.mkdir()
            alone(folder, "prepare", count, rows)
        compare(small, alternations)
        costs = [alone(folder, "everything") for folder in (small, large)]
        print("whole builds, with GeoParquet")
        for count, cost in zip((results, results * 4), costs, strict=True):
            print(
                f"  {count} results of {rows:,} rows: peak {cost.peak / MIB:.0f} MiB, {cost.cpu:.1f} CPU s, "
                f"{cost.cpu / count / rows * 1e6:.1f} a million rows",
                flush=True,
            )


def compare(folder: Path, alternations: int) -> None:
    """Alternates the ways, and prints a line for each."""
    packed = sum(path.stat().st_size * len(targets) for path, targets, _ in members(folder))
    costs: dict[str, list[Cost]] = {way: [] for way in SAYS}
    for _ in range(alternations):
        for way in SAYS:
            costs[way].append(alone(folder, way))
    print(f"regional zips of {packed / MIB:.0f} MiB; medians of {alternations}")
    print(f"{'':<44}{'CPU s':>8}{'wall s':>8}{'MiB a CPU s':>13}{'by CPU':>9}")
    for way, says in SAYS.items():
        cpu = statistics.median(cost.cpu for cost in costs[way])
        wall = statistics.median(cost.wall for cost in costs[way])
        ratio = statistics.median(d.cpu / c.cpu for d, c in zip(costs["deflate"], costs[way], strict=True))
        least = LEAST.get(way, 0)
        verdict = "" if not least else "reached" if ratio >= least else f"short of {least:.0f}"
        print(f"{says:<44}{cpu:>8.3f}{wall:>8.2f}{packed / MIB / cpu:>13,.0f}{ratio:>8.0f}x  {verdict}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--task", choices=[*TASKS, "prepare"])
    parser.add_argument("more", nargs="*", type=int)
    asked = parser.parse_args()
    if asked.task:
        carry_out(asked.folder, asked.task, asked.more)
    else:
        main()
