"""A file is saved under its data source's name, whatever that name is; a bucket says so by itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests

from oa_pipeline.orchestration.merged import adopt
from oa_pipeline.process.index import RunFacts
from oa_pipeline.publish.confined import ConfinedStore
from oa_pipeline.publish.results import publish_run
from oa_pipeline.publish.s3 import MIB
from oa_pipeline.publish.saved import disposition, plain_name, run_of, whose
from oa_pipeline.publish.store import Store
from oa_pipeline.publish.tiles.archive import write_tile
from oa_pipeline.publish.tiles.cells import tile_key
from oa_pipeline_tests.publish.place import Place

from .test_results import result

HOSTILE = {
    "quotes": ('us/"; filename="evil.exe', "county"),
    "line ends": ("us/ca", "a\r\nSet-Cookie: stolen=1\r\n\r\n<script>"),
    "a path upwards": ("../../etc", ".."),
    "dots alone": ("us/...", "....x"),
    "a path of Windows": ("C:\\Windows\\..\\x", "con"),
    "percents": ("us/%2e%2e%2f%00", "%0d%0a"),
    "nothing of it": ("us/\"'`$;|&", "\\?*:<>"),
    "other scripts": ("ru/москва", "город"),
    "two forms of one letter": ("de/mu\u0308nchen", "München"),
    "writing turned": ("us/\u202egpj.exe", "a\u2028b\x85c\x00d\x1be\u200f"),
    "half a pair": ("us/\ud800", "\udfff"),
    "what becomes dots and slashes": ("us/⒈⑴．．／", "℀"),
    "900 characters": ("us/" + "x" * 900, "y" * 900),
    "900 characters of three bytes": ("地" * 900, "🦀" * 900),
    "a start that is an option": ("-rf", "--output=/etc/passwd"),
    "a hidden file": (".bashrc", "."),
    "nothing": ("", ""),
}
ENDS = {
    "out.geojson.gz": ".geojson.gz",
    "out.parquet": ".parquet",
    "slippymap.pmtiles": ".pmtiles",
    "sample.json": "-sample.json",
    "output.txt": "-log.txt",
    "index.json": "-index.json",
    "cache.zip": "-cache.zip",
    "cache": "-cache",
}
HEADER = re.compile(r"attachment; filename=([A-Za-z0-9_.-]+)(?:; filename\*=UTF-8''([A-Za-z0-9_.~%-]+))?")


def names(header: str) -> tuple[str, str]:
    """The name in ASCII and the exact one, of a header that has one form and no other."""
    found = HEADER.fullmatch(header)
    assert found, header
    return found[1], unquote(found[2] or found[1], errors="strict")


@pytest.mark.parametrize(("file", "end"), ENDS.items())
def test_each_kind_of_file_is_saved_as_its_data_source(file: str, end: str) -> None:
    mine = whose("us/ca/alameda", "addresses", "county")
    proposed = whose("us/ca/alameda", "addresses", "county", 7)

    assert disposition(f"runs/7/{file}", mine) == f"attachment; filename=us-ca-alameda-addresses-county{end}"
    assert names(disposition(f"pr/8/{file}", proposed))[1] == f"pr-7-us-ca-alameda-addresses-county{end}"
    assert names(disposition(f"runs/7/{file}"))[1] == file
    assert (run_of(f"runs/7/{file}"), run_of(f"pr/8/{file}")) == (7, 8)


@pytest.mark.parametrize(
    ("key", "saved"),
    [
        ("runs/7/us/ca/alameda.zip", "alameda.zip"),
        ("collections/7/openaddr-collected-asia.zip", "openaddr-collected-asia.zip"),
        ("tiles/8/-122.0/37.0.zip", "openaddresses-tile_-122.0_37.0.zip"),
        ("tiles/8/0.0/-90.0.zip", "openaddresses-tile_0.0_-90.0.zip"),
        ("tiles/8/x/37.0.zip", "37.0.zip"),
        ("dotmap/7/out.parquet", "out.parquet"),
        ("runs/x/out.parquet", "out.parquet"),
        ("runs/7/a/out.parquet", "out.parquet"),
        ("runs/7/summary.json", "summary.json"),
        ("runs/" + "9" * 40 + "/out.parquet", "out.parquet"),
    ],
)
def test_a_key_that_says_whose_it_is_or_is_no_runs_is_saved_as_it_is(key: str, saved: str) -> None:
    assert run_of(key) is None
    assert names(disposition(key, "us-ca-alameda"))[1] == saved


def test_what_pages_show_is_not_saved() -> None:
    assert disposition("runs/7/preview.png", "us-ca-alameda") == ""


@pytest.mark.parametrize(("source", "name"), HOSTILE.values(), ids=HOSTILE)
def test_no_name_leaves_the_header_or_the_folder(source: str, name: str) -> None:
    mine = whose(source, "addresses", name)
    for key, end in ENDS.items():
        for made in names(disposition(f"runs/7/{key}", mine)):
            assert made.endswith(end)
            assert len(made.encode()) < 255
            assert not made.startswith((".", "-"))
            assert ".." not in made
            assert not re.search("[\x00-\x1f\x7f-\x9f\\s/\\\\:*?\"'<>|;%`$&\u2028\u202e\u200f]", made)


def test_different_data_sources_are_saved_under_different_names() -> None:
    pairs = [
        ("ru/москва", "ru/казань"),
        ("us/" + "x" * 400, "us/" + "x" * 401),
        ("us/ca/alameda", "us/ca/alpine"),
    ]
    for one, other in pairs:
        headers = [disposition("runs/7/out.parquet", whose(source, "addresses", "city")) for source in (one, other)]
        assert names(headers[0])[0] != names(headers[1])[0]
        assert names(headers[0])[1] != names(headers[1])[1]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a b.zip", "a_b.zip"),
        ("é.svg", "e.svg"),
        ("", "file"),
        ("..", "file"),
        ("--x", "x"),
        ('a"b;c.zip', "a_b_c.zip"),
    ],
)
def test_a_plain_name_is_good_for_a_shell(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@pytest.fixture
def bucket_place(bucket: str, s3_server: str) -> Place:
    return Place(f"s3://{bucket}/some/prefix", s3_server)


def sent(store: Store, key: str) -> str:
    """The Content-Disposition with which anybody gets it at its public address."""
    answer = requests.get(store.url(key), timeout=60)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    return answer.headers.get("Content-Disposition", "")


def test_a_public_bucket_sends_a_run_under_its_name_and_no_header_of_it(bucket_place: Place, tmp_path: Path) -> None:
    store, made = bucket_place.open(), result(tmp_path)
    for kind in set(made.files) - {"geojson", "log"}:
        del made.files[kind]

    for number, (title, (source, name)) in enumerate(HOSTILE.items()):
        mine = whose(source, "addresses", name)
        stored = publish_run(store, f"runs/{number}/", "x", made, tmp_path, whose=mine)

        for one in stored.values():
            assert sent(store, one.key) == disposition(one.key, mine), title
            assert names(sent(store, one.key))[1].startswith(mine), title


def test_a_public_bucket_sends_a_tile_under_both_of_its_degrees(bucket_place: Place, tmp_path: Path) -> None:
    store, key = bucket_place.open(), tile_key(8, (-122, 37))
    write_tile(store, key, [b"LON,LAT\r\n"], b"", tmp_path / "spool")

    assert sent(store, key) == "attachment; filename=openaddresses-tile_-122.0_37.0.zip"


def written(store: Store, key: str, folder: Path, data: bytes) -> None:
    with store.writer(key, content_type="text/plain", disposition="attachment; filename=a.txt") as out:
        out.write(data)


def put(store: Store, key: str, folder: Path, data: bytes) -> None:
    path, sha256 = folder / "file", hashlib.sha256(data).hexdigest()
    path.write_bytes(data)
    store.put(key, path, content_type="text/plain", sha256=sha256, disposition="attachment; filename=a.txt")


@pytest.mark.parametrize("store_it", [put, written])
@pytest.mark.parametrize("size", [3, 6 * MIB], ids=["in one request", "in parts"])
def test_a_bucket_keeps_the_name_however_an_object_gets_there(
    bucket_place: Place, tmp_path: Path, size: int, store_it: Callable[[Store, str, Path, bytes], None]
) -> None:
    store = bucket_place.open()
    store_it(ConfinedStore(store, "pr/"), "pr/5/x", tmp_path, b"x" * size)
    store.copy("pr/5/x", "y")

    assert sent(store, "pr/5/x") == sent(store, "y") == "attachment; filename=a.txt"
    with store.writer("z", content_type="text/plain") as out:
        out.write(b"x" * size)
    assert sent(store, "z") == ""


def test_what_was_proposed_is_named_after_the_merge_as_what_it_became(bucket_place: Place, tmp_path: Path) -> None:
    store = bucket_place.open()
    made = result(tmp_path)
    made.files["index"].write_text(json.dumps({"run": {}}))
    proposed = whose("us/ca/berkeley", "addresses", "city", 7)
    stored = publish_run(ConfinedStore(store, "pr/"), "pr/5/", "us/ca/berkeley", made, tmp_path, whose=proposed)
    run = {"id": 5, "prefix": "pr/5/", "outputs": {kind: one.as_json() for kind, one in stored.items()}}

    mine = whose("us/ca/berkeley", "addresses", "city")
    adopted = adopt(store, run, "runs/6/", RunFacts(6, "us/ca/berkeley/addresses/city", "1"), whose=mine)

    saved = {kind: names(sent(store, one["key"]))[1] for kind, one in adopted.items()}
    assert saved.pop("csv") == "berkeley.zip"
    assert saved == {
        "cache": "us-ca-berkeley-addresses-city-cache.zip",
        "geojson": "us-ca-berkeley-addresses-city.geojson.gz",
        "index": "us-ca-berkeley-addresses-city-index.json",
        "log": "us-ca-berkeley-addresses-city-log.txt",
        "parquet": "us-ca-berkeley-addresses-city.parquet",
        "sample": "us-ca-berkeley-addresses-city-sample.json",
    }
    assert names(sent(store, "pr/5/out.parquet"))[1] == "pr-7-us-ca-berkeley-addresses-city.parquet"
