"""The regional zips, on both stores, of results that the package's own writers made."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZipFile

import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.publish.collections.build import build
from oa_pipeline.publish.collections.snapshot import Snapshot
from oa_pipeline.publish.store import Store, StoredObject
from oa_pipeline_tests.publish.collections.results import (
    Result,
    copied_to,
    keys,
    lines,
    published,
    row_of,
    snapshot_of,
)

PREFIX = "collections/7/"
RESULTS = [
    Result("us/ca/alameda", "county", rows=250, at=(-122, 37), facts={"website": "https://example.org/a\nb"}),
    Result("us/ca/alameda", "port", first=False, rows=5, at=(-122, 37)),
    Result("us/countrywide", rows=7, at=(-100, 40)),
    Result("fr/paris", rows=9, facts={"attribution_required": True, "attribution_name": "Ville de Paris"}),
    Result("nz/wellington", rows=0, at=(174, -41), facts={"attribution_required": False, "licence": ""}),
    Result("za/cape", rows=4, at=(18, -33), share_alike=True, facts={"attribution_required": True}),
    Result("it/roma", rows=6, share_alike=False),
]


def made(store: Store, snapshot: Snapshot, folder: Path) -> dict[str, Any]:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    built = build(store, PREFIX, snapshot, work, say=lambda _: None)
    assert not list(work.iterdir())
    return {m.stored.key.removeprefix(PREFIX): m for m in built.made if m.form == "zip"} | {"": built}


def opened(store: Store, name: str, folder: Path) -> ZipFile:
    path = copied_to(store, PREFIX + name, folder)
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-tq", str(path)], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "zipfile", "-t", str(path)], check=True, capture_output=True)
    return ZipFile(path)


def test_every_source_lands_where_it_should(store: Store, tmp_path: Path) -> None:
    rows = published(store, tmp_path, RESULTS)
    zips = made(store, snapshot_of(rows), tmp_path)
    expected = {
        "openaddr-collected-global.zip": ["fr/paris", "it/roma", "nz/wellington", "us/ca/alameda",
                                          "us/ca/alameda-port", "us/countrywide"],
        "openaddr-collected-global-sa.zip": ["za/cape"],
        "openaddr-collected-us_west.zip": ["us/ca/alameda", "us/ca/alameda-port"],
        "openaddr-collected-europe.zip": ["fr/paris", "it/roma"],
        "openaddr-collected-oceania.zip": ["nz/wellington"],
        "openaddr-collected-africa-sa.zip": ["za/cape"],
    }  # fmt: skip
    assert set(zips) - {""} == set(expected)
    assert [name for name in keys(store, PREFIX) if name.endswith(".zip")] == sorted(expected)
    usable = {row["source"] if row["first"] else "us/ca/alameda-port": row["outputs"]["csv"]["rows"] for row in rows}
    for name, bases in expected.items():
        with opened(store, name, tmp_path) as archive:
            own = {f"{base}.csv" for base in bases}
            assert archive.namelist()[:4] == ["README.txt", "LICENSE.txt", "attribution.csv", "manifest.json"]
            assert {n for n in archive.namelist() if n.endswith(".csv")} == (
                own | {f"summary/{base}-summary.csv" for base in bases} | {"attribution.csv"}
            )
            assert {n for n in archive.namelist() if n.endswith(".vrt")} == (
                {f"{base}.vrt" for base in bases} | {f"summary/{base}-summary.vrt" for base in bases}
            )
            counts = {base: sum(1 for _ in lines(archive.read(f"{base}.csv"))) for base in bases}
            assert counts == {base: usable[base] for base in bases}
            assert zips[name].rows == sum(counts.values())
            assert zips[name].sources == len(bases)
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert zips[name].stored.size == store.size(PREFIX + name)


def test_members_are_what_they_were_in_the_results(store: Store, tmp_path: Path) -> None:
    rows = published(store, tmp_path, RESULTS[:2])
    made(store, snapshot_of(rows), tmp_path)
    with opened(store, "openaddr-collected-global.zip", tmp_path) as archive:
        for row in rows:
            with ZipFile(copied_to(store, row["outputs"]["csv"]["key"], tmp_path)) as own:
                for name in own.namelist():
                    if name != "README.txt":
                        assert archive.read(name) == own.read(name)
                        assert archive.getinfo(name).compress_size == own.getinfo(name).compress_size


def test_what_the_documents_say(store: Store, tmp_path: Path) -> None:
    rows = published(store, tmp_path, RESULTS)
    rows[3]["copy_of"], rows[3]["id"] = 4, 44
    made(store, snapshot_of(rows), tmp_path)
    with opened(store, "openaddr-collected-global.zip", tmp_path) as archive:
        readme = archive.read("README.txt").decode()
        terms = archive.read("LICENSE.txt").decode()
        table = list(csv.DictReader(io.StringIO(archive.read("attribution.csv").decode())))
        manifest = json.loads(archive.read("manifest.json"))
        held = archive.namelist()
    assert "2026-03-01" in readme
    assert "https://github.com/openaddresses/openaddresses/tree/c0ffee/sources" in readme
    assert "of 6 sources" in readme
    assert "\n\nfr/paris\nWebsite: Unknown\nLicense: Licence of paris\nRequired attribution: Ville de Paris\n" in terms
    assert "\n\nnz/wellington\nWebsite: Unknown\nLicense: Unknown\nRequired attribution: No\n" in terms
    assert "\n\nus/ca/alameda\nWebsite: https://example.org/a b\n" in terms
    assert "\n\nus/ca/alameda-port\n" in terms
    assert "Required attribution: Unknown" in terms
    assert [line["source"] for line in table] == [member["key"] for member in manifest["members"]]
    assert {line["csv"] for line in table} == {member["csv"] for member in manifest["members"]}
    assert [member["key"] for member in manifest["members"]] == sorted(r["key"] for r in rows if not r["share_alike"])
    assert set(held) >= {member["csv"] for member in manifest["members"]}
    by_key = {row["key"]: row for row in rows}
    for member in manifest["members"]:
        row = by_key[member["key"]]
        output = row["outputs"]["csv"]
        assert (member["run"], member["rows"]) == (row["id"], output["rows"])
        assert member["zip"] == {name: output[name] for name in ("key", "size", "sha256")}
        assert member["made_by_run"] == (row["copy_of"] or row["id"])
    assert (manifest["sources"], manifest["taken_at"], manifest["commit"]) == (6, "2026-03-01T03:00:00Z", "c0ffee")
    with opened(store, "openaddr-collected-africa-sa.zip", tmp_path) as archive:
        assert b"Required attribution: Yes" in archive.read("LICENSE.txt")
        assert json.loads(archive.read("manifest.json"))["share_alike"] is True


def test_the_same_results_give_the_same_bytes(tmp_path: Path, store: Store) -> None:
    rows = published(store, tmp_path, RESULTS)
    first = made(store, snapshot_of(rows), tmp_path)
    store.delete_prefix(PREFIX)
    second = made(store, snapshot_of(list(reversed(rows))), tmp_path)
    assert {n: m.stored.sha256 for n, m in first.items() if n} == {n: m.stored.sha256 for n, m in second.items() if n}


def test_results_that_would_share_a_name_get_names_of_their_own(store: Store, tmp_path: Path) -> None:
    results = [
        Result("fr/paris", rows=2),
        Result("fr/paris", "nord", first=False, rows=3),
        Result("fr/paris-nord", rows=4),
        Result("fr/PARIS", rows=5),
        Result("fr/paris", "sud", rows=6),  # was the first of its file when its zip was made
    ]
    rows = published(store, tmp_path, results)
    rows[4]["first"] = False
    made(store, snapshot_of(rows), tmp_path)
    with opened(store, "openaddr-collected-europe.zip", tmp_path) as archive:
        counts = {
            member["key"]: sum(1 for _ in lines(archive.read(member["csv"])))
            for member in json.loads(archive.read("manifest.json"))["members"]
        }
        assert counts == {row["key"]: result.rows for row, result in zip(rows, results, strict=True)}
        names = [name.casefold() for name in archive.namelist()]
        assert len(names) == len(set(names))
        for name in archive.namelist():
            if name.endswith(".vrt"):
                folder, _, base = name.removesuffix(".vrt").rpartition("/")
                assert f">{base}.csv<".encode() in archive.read(name)
                assert f"{folder}/{base}.csv" in archive.namelist()


BREAK = {
    "missing": lambda data: None,
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "longer": lambda data: data + b"x",
    "no zip": lambda data: bytes(len(data)),
    "one byte of a member": lambda data: data[:120] + bytes([data[120] ^ 1]) + data[121:],
    "directory": lambda data: data.replace(b"PK\x01\x02", b"PK\x01\x03"),
    "member's header": lambda data: data[:200].replace(b"PK\x03\x04", b"PK\x03\x05") + data[200:],
}


@pytest.mark.parametrize("how", BREAK)
def test_a_broken_result_is_left_out_and_named(store: Store, tmp_path: Path, how: str) -> None:
    rows = published(store, tmp_path, RESULTS)
    broken = rows[3]["outputs"]["csv"]["key"]
    with store.open(broken) as held:
        data = BREAK[how](held.read())
    store.delete([broken])
    if data is not None:
        with store.writer(broken, content_type="application/zip") as out:
            out.write(data)
    zips = made(store, snapshot_of(rows), tmp_path)
    (left,) = zips[""].left_out
    assert (left.key, left.run, left.kind) == (rows[3]["key"], 4, "csv")
    with opened(store, "openaddr-collected-europe.zip", tmp_path) as archive:
        assert "fr/paris.csv" not in archive.namelist()
        assert "it/roma.csv" in archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        assert [(out["key"], out["why"]) for out in manifest["left_out"]] == [(left.key, left.why)]
        assert manifest["sources"] == 1


def test_more_than_a_few_broken_results_are_a_failure_that_leaves_nothing(store: Store, tmp_path: Path) -> None:
    rows = published(store, tmp_path, RESULTS)
    store.delete([rows[1]["outputs"]["csv"]["key"], rows[3]["outputs"]["csv"]["key"]])
    with pytest.raises(PublishError, match=r"2 of 7 results cannot be collected: .*it is not in the store"):
        made(store, snapshot_of(rows), tmp_path)
    assert keys(store, PREFIX) == []


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, "it has no fr/paris.csv"),
        ({"fr/paris.csv": b"x"}, "it has no fr/paris.vrt"),
        ({"../../etc/passwd": b"x", "/fr/paris.csv": b"y"}, "it has no fr/paris.csv"),
    ],
    ids=["empty", "without a vrt", "names that lead elsewhere"],
)
def test_a_zip_of_somebody_else_is_left_out(tmp_path: Path, store: Store, members: dict[str, bytes], why: str) -> None:
    held = io.BytesIO()
    with ZipFile(held, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    rows = [_stored(store, held.getvalue()), *published(store, tmp_path, [Result("it/roma")])]
    (left,) = made(store, snapshot_of(rows), tmp_path)[""].left_out
    assert left.why == why


def test_a_member_that_not_everybody_can_unpack_is_left_out(tmp_path: Path, store: Store) -> None:
    held = io.BytesIO()
    with ZipFile(held, "w", ZIP_BZIP2) as archive:
        for name in ("fr/paris.csv", "fr/paris.vrt", "summary/fr/paris-summary.csv", "summary/fr/paris-summary.vrt"):
            archive.writestr(name, b"x" * 1000)
    rows = [_stored(store, held.getvalue()), *published(store, tmp_path, [Result("it/roma")])]
    (left,) = made(store, snapshot_of(rows), tmp_path)[""].left_out
    assert "not everybody" in left.why


def _stored(store: Store, data: bytes) -> dict[str, Any]:
    with store.writer("runs/99/fr/paris.zip", content_type="application/zip") as out:
        out.write(data)
    stored: StoredObject = out.stored
    return row_of(Result("fr/paris"), 99, {"csv": stored.as_json() | {"rows": 1}})


def test_a_failed_upload_leaves_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = published(store, tmp_path, RESULTS)
    with store.writer(f"{PREFIX}openaddr-collected-europe.zip", content_type="application/zip") as taken:
        taken.write(b"somebody was here before")
    with pytest.raises(PublishError, match="already holds something else"):
        made(store, snapshot_of(rows), tmp_path)
    with store.open(f"{PREFIX}openaddr-collected-europe.zip") as held:
        assert held.read() == b"somebody was here before"
