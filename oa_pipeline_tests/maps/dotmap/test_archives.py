"""Archives merged: what others read is what went in."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from pmtiles.reader import MmapSource, Reader
from pmtiles.tile import tileid_to_zxy

from oa_pipeline.maps.dotmap.archive import Archive, BrokenArchive
from oa_pipeline.maps.dotmap.merging import Merge, merge
from oa_pipeline.maps.dotmap.writing import MbtilesWriter, PmtilesWriter
from oa_pipeline_tests.maps.dotmap.archives import BOX, Place, opened, read_mbtiles, read_pmtiles, write
from oa_pipeline_tests.maps.dotmap.test_mvt import held, point, tile

METADATA = {"name": "x", "vector_layers": [{"id": "openaddresses", "fields": {}}]}


def some(seed: int, zooms: range, most: int = 40) -> dict[Place, bytes]:
    rng = random.Random(seed)
    places = {(zoom, rng.randrange(1 << zoom), rng.randrange(1 << zoom)) for zoom in zooms for _ in range(most)}
    return {
        place: tile([point(rng.randrange(4096), rng.randrange(4096), number=f"{seed}-{place}")]) for place in places
    }


def merged(folder: Path, *parts: Mapping[Place, bytes], window: int = 1 << 20, most_bytes: int = 500_000) -> Merge:
    archives = [opened(write(folder / f"{n}.pmtiles", part), window) for n, part in enumerate(parts)]
    sinks = [PmtilesWriter(folder / "all.pmtiles"), MbtilesWriter(folder / "all.mbtiles")]
    return merge(archives, sinks, METADATA, most_bytes=most_bytes)


@pytest.mark.parametrize("window", [1, 700, 1 << 20], ids=["a tile", "a few", "all"])
def test_all_tiles_are_there_shared_ones_with_the_features_of_all(tmp_path: Path, window: int) -> None:
    parts = [some(seed, range(0, 8)) for seed in range(3)]
    done = merged(tmp_path, *parts, window=window)
    found = read_pmtiles(tmp_path / "all.pmtiles")
    assert found == read_mbtiles(tmp_path / "all.mbtiles")
    assert set(found) == set().union(*parts)
    owners = Counter(place for part in parts for place in part)
    assert (done.tiles, done.shared) == (len(found), sum(count > 1 for count in owners.values()))
    assert done.shared > 10
    for place, data in found.items():
        of = [part[place] for part in parts if place in part]
        if len(of) == 1:
            assert data == of[0]  # not a byte is touched
        else:
            assert held(data) == sum((held(each) for each in of), Counter())
    opened(tmp_path / "all.pmtiles").verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.pmtiles", "1.pmtiles", "2.pmtiles", "all.mbtiles", "all.pmtiles",
    ]  # fmt: skip


def test_header_and_metadata_say_what_is_in_it(tmp_path: Path) -> None:
    write(tmp_path / "a", {(3, 1, 1): tile([point(1, 1)])}, (-50, 7, -40, 8))
    write(tmp_path / "b", {(9, 5, 5): tile([point(1, 1)])}, (10, 3, 90, 4))
    sinks = [PmtilesWriter(tmp_path / "all.pmtiles"), MbtilesWriter(tmp_path / "all.mbtiles")]
    merge([opened(tmp_path / "a"), opened(tmp_path / "b")], sinks, METADATA)
    with (tmp_path / "all.pmtiles").open("rb") as file:
        reader = Reader(MmapSource(file))
        header = reader.header()
        assert reader.metadata() == {**METADATA, "features_dropped": {}}
    assert [header[f"{side}_e7"] for side in ("min_lon", "min_lat", "max_lon", "max_lat")] == [-50, 3, 90, 8]
    assert (header["min_zoom"], header["max_zoom"], header["addressed_tiles_count"]) == (3, 9, 2)
    assert header["root_offset"] + header["root_length"] <= 16_384
    with sqlite3.connect(tmp_path / "all.mbtiles") as db:
        said = dict(db.execute("SELECT name, value FROM metadata").fetchall())
    db.close()
    assert json.loads(said.pop("json")) == {"vector_layers": METADATA["vector_layers"]}
    assert said == {
        "name": "x", "format": "pbf", "minzoom": "3", "maxzoom": "9",
        "bounds": "-0.0000050,0.0000003,0.0000090,0.0000008", "center": "0.0000020,0.0000006,3",
    }  # fmt: skip


def test_features_that_are_too_many_are_counted_by_zoom(tmp_path: Path) -> None:
    full = {(5, 1, 1): tile([point(n, n, number=str(n)) for n in range(500)])}
    done = merged(tmp_path, full, full, {(6, 1, 1): tile([point(1, 1)])}, most_bytes=1500)
    assert set(done.dropped) == {5}
    assert 0 < done.dropped[5] < 1000
    assert len(read_pmtiles(tmp_path / "all.pmtiles")[5, 1, 1]) <= 1500
    assert opened(tmp_path / "all.pmtiles").metadata()["features_dropped"] == {"5": done.dropped[5]}


def test_equal_neighbours_are_stored_once(tmp_path: Path) -> None:
    writer = PmtilesWriter(tmp_path / "x.pmtiles")
    for number in (5, 6, 7, 9, 21):
        writer.add(number, b"same" if number < 20 else b"other")
    writer.close(BOX, {})
    header = opened(tmp_path / "x.pmtiles").header
    counts = [header[f"{what}_count"] for what in ("addressed_tiles", "tile_entries", "tile_contents")]
    assert counts == [5, 3, 2]
    opened(tmp_path / "x.pmtiles").verify()
    expected = {tileid_to_zxy(number): b"same" if number < 20 else b"other" for number in (5, 6, 7, 9, 21)}
    assert read_pmtiles(tmp_path / "x.pmtiles") == expected


@pytest.mark.parametrize("count", [4096, 4097, 60_000], ids=["one directory", "two leaves", "many"])
def test_directories_of_any_size_are_found(tmp_path: Path, count: int) -> None:
    rng = random.Random(count)
    numbers = sorted(rng.sample(range(10_000_000, 90_000_000), count))
    writer = PmtilesWriter(tmp_path / "x.pmtiles")
    for number in numbers:
        writer.add(number, number.to_bytes(4 + number % 3, "big"))
    writer.close(BOX, {})
    archive = opened(tmp_path / "x.pmtiles")
    archive.verify()
    assert [found.number for found in archive.tiles()] == numbers
    assert bool(archive.header["leaf_directory_length"]) == (count > 4096)
    found = read_pmtiles(tmp_path / "x.pmtiles")
    assert {int.from_bytes(data, "big") for data in found.values()} == set(numbers)


def test_tiles_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    writer = PmtilesWriter(tmp_path / "x.pmtiles")
    writer.add(5, b"x")
    with pytest.raises(ValueError, match="too late"):
        writer.add(4, b"y")
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_the_same_archives_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        merged(tmp_path / name, some(1, range(0, 6)), some(2, range(0, 6)))
    for name in ("all.pmtiles", "all.mbtiles"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


class _Endless:
    """An archive of so many tiles that is made while it is read."""

    header = {"addressed_tiles_count": 0}  # noqa: RUF012
    bounds = BOX

    def __init__(self, start: int, count: int) -> None:
        self._numbers = range(start, start + count * 2, 2)

    def tiles(self) -> Iterator[object]:
        from oa_pipeline.maps.dotmap.archive import Tile

        return (Tile(number, number.to_bytes(4, "big") * 100) for number in self._numbers)


def test_memory_does_not_grow_with_the_tiles(tmp_path: Path) -> None:
    peaks = []
    for count in (2000, 12_000):
        sinks = [PmtilesWriter(tmp_path / f"{count}.pmtiles"), MbtilesWriter(tmp_path / f"{count}.mbtiles")]
        parts: list[Archive] = [_Endless(100_000_000, count), _Endless(100_000_001, count)]  # type: ignore[list-item]
        tracemalloc.start()
        merge(parts, sinks, METADATA)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (tmp_path / f"{count}.pmtiles").stat().st_size > count * 800
    assert peaks[1] < 4_000_000
    assert peaks[1] < peaks[0] + 2_500_000  # a directory of 4,096 entries, however many there are


def read_whole(path: Path) -> None:
    archive = opened(path)
    archive.verify()
    for _ in archive.tiles():
        pass


def _spoilt(change: Callable[[bytearray], object]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(bytes(data))

    return spoil


def _zeros(start: int, stop: int) -> Callable[[bytearray], object]:
    return lambda data: data.__setitem__(slice(start, stop), bytes(stop - start))


@pytest.mark.parametrize(
    "spoil",
    [
        _spoilt(lambda data: data.clear()),
        _spoilt(_zeros(0, 4)),
        _spoilt(lambda data: data.__setitem__(99, 2)),  # pictures
        _spoilt(lambda data: data.__setitem__(72, data[72] + 1)),  # the count of tiles
        _spoilt(lambda data: data.__setitem__(101, 12)),  # the highest zoom
        _spoilt(_zeros(127, 140)),  # the first directory
        _spoilt(lambda data: data.__delitem__(slice(500, None))),
    ],
    ids=["empty", "no mark", "another kind", "counts", "zooms", "directory", "cut"],
)
def test_an_archive_that_is_not_whole_is_named(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = write(tmp_path / "x.pmtiles", some(1, range(0, 6)))
    opened(path).verify()
    spoil(path)
    with pytest.raises(BrokenArchive):
        read_whole(path)


def test_compressed_metadata_that_is_no_object_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "x.pmtiles", some(1, range(0, 3)))
    archive = opened(path)
    start, length = archive.header["metadata_offset"], archive.header["metadata_length"]
    packed = gzip.compress(b"[]", mtime=0)
    data = path.read_bytes()
    path.write_bytes(data[:start] + packed.ljust(length, b"\0") + data[start + length :])
    assert opened(path).metadata() == {}
