from __future__ import annotations

import csv
import io
import random

import pytest

from oa_pipeline.convert.outputs.csvzip import HEADER
from oa_pipeline.publish.tiles import rows as module
from oa_pipeline.publish.tiles.rows import TILE_HEADER, BrokenCsv, rows_by_cell

CELLS = ("", "plain", 'a "b"', "a,b", "line\r\nbreak", "é地", '"', "\n")


def text(*rows: tuple[object, ...]) -> bytes:
    out = io.StringIO(newline="")
    out.write(HEADER)
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def row(lon: object, lat: object, *cells: str) -> tuple[object, ...]:
    return (lon, lat, *cells, *[""] * (8 - len(cells)), "0123456789abcdef")


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_rows_come_out_as_they_went_in_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    chance = random.Random(5)
    given = [
        row(chance.uniform(-3, 3), chance.uniform(-3, 3), *(chance.choice(CELLS) for _ in range(8))) for _ in range(200)
    ]
    found: dict[tuple[int, int], list[list[str]]] = {}
    count = 0
    for rows in rows_by_cell(io.BytesIO(text(*given)), 'a "source", odd'):
        count += rows.count
        found.setdefault(rows.cell, []).extend(csv.reader(io.StringIO(rows.text.decode(), newline="")))
    assert count == 200
    for cell, lines in found.items():
        expected = [
            [*map(str, one), 'a "source", odd']
            for one in given
            if (one[0] // 1, one[1] // 1) == cell  # type: ignore[operator]
        ]
        assert lines == expected


def test_only_the_cells_that_are_wanted_come() -> None:
    given = text(row(1.5, 1.5), row(2.5, 1.5))
    assert [rows.cell for rows in rows_by_cell(io.BytesIO(given), "x", {(2, 1), (9, 9)})] == [(2, 1)]


def test_the_header_has_the_csvs_columns_and_the_source() -> None:
    assert HEADER.encode().replace(b"\r\n", b",OA:Source\r\n") == TILE_HEADER


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param(b"LON,LAT\r\n1,1\r\n", "columns", id="other columns"),
        pytest.param(b"", "columns", id="empty"),
        pytest.param(text(row(1, 1)) + b"1,1,", "middle", id="cut off"),
        pytest.param(text(row(1, 1, "x")).replace(b"x", b'"x'), "middle", id="open quote"),
        pytest.param(text(row(1, 1, "x")).replace(b"x", b"\xff"), "UTF-8", id="not utf-8"),
        pytest.param(text(row("a", 1)), "place", id="no number"),
        pytest.param(text(row(180.1, 1)), "place", id="off the earth"),
        pytest.param(text(row("", "")), "place", id="empty place"),
        pytest.param(text(row("nan", "1")), "place", id="not a number"),
    ],
)
def test_what_is_none_of_our_csvs_is_told_apart(given: bytes, says: str) -> None:
    with pytest.raises(BrokenCsv, match=says):
        list(rows_by_cell(io.BytesIO(given), "x"))


def test_a_csv_without_rows_has_no_cells() -> None:
    assert list(rows_by_cell(io.BytesIO(text()), "x")) == []
