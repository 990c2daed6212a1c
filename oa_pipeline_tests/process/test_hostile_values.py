"""Whole runs over csv and values that mean harm, break limits, or would mean something to a spreadsheet."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pytest
import shapely

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline_tests.process.runs import Ran, Runs, collection, point

# ---- cells ---------------------------------------------------------------------------------------------


def test_a_cell_of_ten_megabytes_is_cut_and_counted(run: Runs) -> None:
    ran = run.csv("x,y,n,a\n1,2,1," + "é" * 5_000_000 + "\n3,4,2,b\n", street="a")
    assert ran.values("street") == ["é" * 65_536, "b"]
    assert ran.counters["text/cut-cells"] == 1


@pytest.mark.parametrize("quoted", [True, False], ids=["quoted", "bare"])
def test_a_nul_inside_a_cell_is_one_character_like_others(run: Runs, quoted: bool) -> None:
    cell = '"a\0b"' if quoted else "a\0b"
    ran = run.csv(f"x,y,n,a\n1,2,1,{cell}\n3,4,2,c\n", street="a")
    assert ran.values("number") == ["1", "2"]
    assert ran.values("street")[0].replace("\0", "") == "ab"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_a_line_end_inside_a_cell_is_part_of_it(run: Runs, end: str) -> None:
    ran = run.csv(f'x,y,n,a{end}1,2,1,"Main{end}St"{end}3,4,2,b{end}'.encode(), street="a")
    assert ran.values("street") == ["Main\nSt", "b"]


def test_a_quote_that_is_never_closed_is_counted(run: Runs) -> None:
    ran = run.csv("x,y,n,a\n" + "1,2,1,b\n" * 20 + '3,4,2,"open\n' + "5,6,3,c\n" * 5, street="a")
    assert ran.values("number")[:20] == ["1"] * 20
    assert ran.counters["text/unclosed-quotes"] == 1


def test_a_quote_that_swallows_megabytes_ends_the_source_with_its_line(run: Runs) -> None:
    ran = run.csv("x,y,n,a\n1,2,1,b\n" + '3,4,2,"open\n' + "5,6,3,cccccccccccccccccccc\n" * 1_500_000, street="a")
    assert "line 3" in ran.problem


FORMULAS = ['=HYPERLINK("http://evil.example","x")', "+1", "-1+2", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1+1"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_what_a_spreadsheet_would_run_is_published_as_it_is(run: Runs, cell: str) -> None:
    quoted = cell.replace('"', '""')
    ran = run.csv(f'x,y,n,c\n1,2,1,"{quoted}"\n', city="c")
    assert ran.values("city") == [cell]
    assert [row["CITY"] for row in ran.csv] == [cell]


ODD_TEXT = {
    "zero width": "Ma\u200bin\u200d\ufeff St",
    "bidi overrides": "\u202eniaM\u202c St\u2067x\u2069",
    "combining bomb": "Z" + "\u0300\u0323" * 500,
    "decomposed": "Cafe\u0301 A\u030a",
    "composed": "Caf\u00e9 \u00c5",
    "a long grapheme": "e" + "\u0301" * 50_000,
    "astral": "\U0001f3e0 \U00020000",
    "private use": "\ue000\U000f0000",
    "noncharacters": "\ufffe\uffff",
}


@pytest.mark.parametrize("name", ODD_TEXT)
def test_text_of_any_script_is_published_character_by_character(run: Runs, name: str) -> None:
    ran = run.csv(f"x,y,n,c\n1,2,1,{ODD_TEXT[name]}\n", city="c")
    assert ran.values("city") == [ODD_TEXT[name]]
    assert [row["CITY"] for row in ran.csv] == [ODD_TEXT[name]]


# ---- headers -------------------------------------------------------------------------------------------


def test_a_file_without_rows_or_header_says_so(run: Runs) -> None:
    assert "no rows" in run.csv("x,y,n\n").problem
    assert run.csv("\n\n\n").problem


def test_thousands_of_columns_are_read_and_more_are_refused(run: Runs) -> None:
    names = ["x", "y", "n", *[f"c{i}" for i in range(9_000)]]
    row = ["1", "2", *["z"] * 9_001]
    text = ",".join(names) + "\n" + ",".join(row) + "\n"
    assert run.csv(text, street="c8999").values("street") == ["z"]
    assert "columns, more than" in run.csv(",".join(f"c{i}" for i in range(20_000)) + "\n1,2\n").problem


@pytest.mark.parametrize("name", ["__proto__", "__class__", "", " ", "{0}", "$1", "^.*$", "hash", "oa:number", "a\tb"])
def test_a_column_may_have_any_name(run: Runs, name: str) -> None:
    ran = run.csv(f"x,y,n,{name}\n1,2,7,z\n", city=name)
    assert (ran.problem, ran.values("number")) == ("", ["7"])
    if name not in ("oa:number",):
        assert ran.values("city") == ["z"]


def test_blank_names_are_told_apart(run: Runs) -> None:
    ran = run.csv("x,y,n,,\n1,2,7,a,b\n", street="", city="_2")
    assert (ran.values("street"), ran.values("city")) == (["a"], ["b"])


@pytest.mark.parametrize("separator", [";", "\t", "|"], ids=repr)
def test_a_wrong_separator_fails_with_the_first_line_and_a_better_one(run: Runs, separator: str) -> None:
    header = separator.join(["x", "y", "n"])
    ran = run.csv(f"{header}\n" + separator.join("123") + "\n")
    assert "csvsplit" in ran.problem
    assert repr(header) in ran.problem
    assert f"set csvsplit to {separator!r}" in ran.problem


# ---- what tells rows and results apart -----------------------------------------------------------------


def test_rows_that_are_all_alike_are_all_published_under_one_hash(run: Runs) -> None:
    ran = run.csv("x,y,n\n" + "1,2,7\n" * 100)
    assert ran.result.outcome.rows == 100
    assert len(set(ran.values("hash"))) == 1


def test_a_source_whose_streets_are_all_empty_is_counted_as_such(run: Runs) -> None:
    ran = run.csv("x,y,n,s\n1,2,7,\n3,4,8,\n", street="s")
    assert ran.result.index["fields filled"]["street"] == 0
    assert ran.result.index["fields filled"]["number"] == 2


def digests(ran: Ran) -> dict[str, str]:
    exempt = {"log", "index", "cache"}
    return {
        kind: hashlib.sha256(path.read_bytes()).hexdigest()
        for kind, path in ran.result.files.items()
        if kind not in exempt
    }


def points(kind: str, folder: Path, order: list[int]) -> tuple[bytes | Path, dict[str, Any]]:
    """The same forty points in one format, in the order given."""
    conform = {"format": kind, "number": "n", "street": "s", "lon": "x", "lat": "y"}
    if kind == "csv":
        lines = "".join(f"{i / 7},{i / 9},{i},Straße {i}\n" for i in order)
        return f"x,y,n,s\n{lines}".encode(), conform
    if kind == "geojson":
        return json.dumps(collection(*[point(i / 7, i / 9, n=i, s=f"Straße {i}") for i in order])).encode(), conform
    frame = geopandas.GeoDataFrame(
        {"n": order, "s": [f"Straße {i}" for i in order]},
        geometry=shapely.points([[i / 7, i / 9] for i in order]),
        crs=4326,
    )
    path = folder / f"{order[0]}.{kind}"
    pyogrio.write_dataframe(frame, path)
    return path, conform


@pytest.mark.parametrize("kind", ["csv", "geojson", "gpkg"])
def test_the_same_input_gives_the_same_bytes_and_another_order_the_same_hashes(
    run: Runs, warm: Converter, tmp_path: Path, kind: str
) -> None:
    data, conform = points(kind, tmp_path, list(range(40)))
    turned, _ = points(kind, tmp_path, list(reversed(range(40))))
    first, again, other = run(data, conform), run(data, conform), run(turned, conform)
    assert digests(first) == digests(again)
    assert {"geojson", "csv", "parquet", "sample"} <= digests(first).keys()
    assert digests(first) != digests(other)
    assert sorted(first.values("hash")) == sorted(other.values("hash"))
    assert first.result.outcome.content_hash == other.result.outcome.content_hash


def test_the_same_rows_have_the_same_hashes_in_every_format(run: Runs, tmp_path: Path) -> None:
    found = [run(*points(kind, tmp_path, list(range(40)))) for kind in ("csv", "geojson", "gpkg")]
    assert len({ran.result.outcome.content_hash for ran in found}) == 1
