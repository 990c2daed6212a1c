"""Tiles by the real program, and by programs that are not what they ought to be."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest
from pmtiles.reader import MmapSource, Reader, all_tiles

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.errors import MapError
from oa_pipeline.maps import tippecanoe
from oa_pipeline.maps.tilefile import drops_of, look_into
from oa_pipeline.maps.tippecanoe import Made, make_tiles, program, version

ARGUMENTS = ("--layer=dots", "--name=Dots", "--drop-rate=3", "--maximum-zoom=10")
Make = Callable[..., Made]


def feature(number: int, x: float, y: float) -> bytes:
    properties = {"number": str(number), "street": 'Main "St" <b>'}
    place = {"type": "Point", "coordinates": [x, y]}
    return json.dumps({"type": "Feature", "properties": properties, "geometry": place}).encode() + b"\n"


LINES = b"".join(feature(n, 8 + n % 30 / 100, 47 + n // 30 / 100) for n in range(600))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Converter]:
    with Converter() as warm:
        yield warm


@pytest.fixture
def make(sandbox: Converter, tmp_path: Path) -> Make:
    count = 0

    def make(source: Any, *arguments: str, seconds: float = 200, **more: Any) -> Made:
        nonlocal count
        count += 1
        work = tmp_path / f"work-{count}"
        work.mkdir()
        return make_tiles(sandbox, work, arguments or ARGUMENTS, source, seconds=seconds, **more)

    return make


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "tippecanoe"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def highest(made: Made) -> list[dict[str, Any]]:
    """The properties of all features of the highest zoom."""
    found = []
    with made.path.open("rb") as file:
        for (zoom, _, _), data in all_tiles(MmapSource(file)):
            if zoom == made.file.max_zoom:
                found += [f["properties"] for f in mapbox_vector_tile.decode(gzip.decompress(data))["dots"]["features"]]
    return found


def test_a_stream_and_a_file_give_the_same_dots(make: Make, tmp_path: Path) -> None:
    given = tmp_path / "given.geojsonl"
    given.write_bytes(LINES)
    streamed, read = make([LINES[:777], LINES[777:]]), make(given)
    assert (streamed.features, read.features) == (600, 600)
    assert (read.file.min_zoom, read.file.max_zoom, read.file.left_out) == (0, 10, 0)
    numbers = {held["number"] for held in highest(read)}
    assert numbers == {str(n) for n in range(600)} == {held["number"] for held in highest(streamed)}
    assert {held["street"] for held in highest(read)} == {'Main "St" <b>'}


def test_the_same_lines_give_the_same_bytes_wherever_they_are_made(make: Make) -> None:
    first, second = (make([LINES], *ARGUMENTS, threads=threads).path.read_bytes() for threads in ("1", "2"))
    assert hashlib.sha256(first).hexdigest() == hashlib.sha256(second).hexdigest()


def test_an_archive_tells_nothing_of_where_it_was_made_and_quotes_no_values(make: Make, tmp_path: Path) -> None:
    with make([LINES]).path.open("rb") as file:
        said = json.dumps(Reader(MmapSource(file)).metadata())
    assert str(tmp_path) not in said
    assert "site-packages" not in said
    assert "Main" not in said


def test_what_is_left_out_is_told_by_zoom_and_cause(make: Make) -> None:
    crowd = b"".join(feature(n, 8.0 + n * 1e-6, 47.0) for n in range(3000))
    made = make([crowd], "--layer=dots", "--maximum-zoom=3", "--drop-rate=1", "--maximum-tile-features=1000",
                "--drop-densest-as-needed")  # fmt: skip
    assert set(made.file.drops) == {0, 1, 2, 3}
    assert made.file.drops[3]["dropped_as_needed"] == made.file.left_out >= 2000
    assert len(highest(made)) == 3000 - made.file.left_out


def test_progress_is_told(make: Make) -> None:
    told: list[tuple[str, float]] = []
    make([LINES], on_progress=lambda *said: told.append(said))
    assert ("read", 600.0) in told
    assert told[-1][0] == "tiles"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'no room' >&2; exit 3", "status 3: no room"),
        ("kill -SEGV $$", "died of SIGSEGV"),
        ("while :; do :; done", "longer than 1 seconds"),
        ("exit 0", "left no archive"),
        ("echo 'PMTiles' > tiles.pmtiles", "shorter than the header"),
        ("ln -s /etc/hostname tiles.pmtiles; read x < /dev/urandom; echo > tiles.pmtiles", "tiles.pmtiles|status"),
        ("cat > tiles.pmtiles", "tippecanoe|tiles.pmtiles"),
    ],
    ids=["fails", "crashes", "hangs", "makes nothing", "makes rubbish", "makes a link", "wants another program"],
)
def test_a_program_that_misbehaves_gives_an_error_that_says_so(
    make: Make, tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(MapError, match=words):
        make([LINES], path=script(tmp_path, text), seconds=1 if "1 seconds" in words else 200)


def test_a_program_that_is_not_there_is_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"there is no program .*nowhere") as caught:
        make([LINES], path=str(tmp_path / "nowhere"))
    assert "OA_TIPPECANOE" in caught.value.cure
    assert program().is_file()


def test_a_program_is_asked_for_its_version_once_while_it_is_the_same_file(tmp_path: Path) -> None:
    assert re.fullmatch(r"tippecanoe v\d+\.\d+\.\d+", version())
    asked = tmp_path / "asked"
    for number in (1, 2):
        path = script(tmp_path, f'echo x >> {asked}; [ "$1" = --version ] && echo "mine {number}" >&2')
        assert [version(path), version(path)] == [f"mine {number}"] * 2
        assert asked.read_text() == "x\n" * number
        (tmp_path / "tippecanoe").rename(tmp_path / "former")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exit 0", "status 0: nothing"),
        ("echo no >&2; exit 3", "status 3: no"),
        ("while :; do :; done", "longer than 0.1 seconds"),
        (None, "there is no program"),
    ],
    ids=["says nothing", "fails", "hangs", "is missing"],
)
def test_a_program_that_does_not_tell_its_version_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, words: str
) -> None:
    if words.endswith("seconds"):
        monkeypatch.setattr(tippecanoe, "ANSWERS", 0.1)
    path = script(tmp_path, text) if text else str(tmp_path / "tippecanoe")
    with pytest.raises(MapError, match=rf"{path}.*{words}|{words} {path}") as caught:
        version(path)
    assert "OA_TIPPECANOE" in caught.value.cure


@pytest.mark.parametrize("lines", [b"", b"no json\n", b"{}\n"], ids=["nothing", "rubbish", "no feature"])
def test_without_features_there_is_no_archive(make: Make, lines: bytes) -> None:
    with pytest.raises(MapError, match="status"):
        make([lines])


@pytest.mark.parametrize("cut", [0, 100, 127, 400, -1], ids=str)
def test_an_archive_that_is_cut_is_refused(make: Make, cut: int, tmp_path: Path) -> None:
    whole = make([LINES]).path.read_bytes()
    part = tmp_path / "part.pmtiles"
    part.write_bytes(whole[:cut])
    with pytest.raises(MapError, match=r"part\.pmtiles"):
        look_into(part)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (None, {}),
        ("dropped_by_rate", {}),
        ([{"dropped_by_rate": 4}, {}, {"dropped_as_needed": 1, "other": 2}],
         {0: {"dropped_by_rate": 4}, 2: {"dropped_as_needed": 1}}),
        ([5, None, {"dropped_by_rate": "many"}, {"dropped_by_rate": True}, {"dropped_by_rate": -1}], {}),
    ],
    ids=["nothing", "a text", "an account", "rubbish"],
)  # fmt: skip
def test_the_account_of_drops_is_believed_as_far_as_it_is_one(said: Any, found: Any) -> None:
    assert drops_of(said) == found
