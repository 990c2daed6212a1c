"""Coordinates written as text: the accepted ones, the empty ones, and those that spoil a row."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.readers.coordinates import parse_coordinate, parse_coordinates, points_from_cells

ACCEPTED = {
    "12": 12.0,
    "-12.5": -12.5,
    ".5": 0.5,
    "4.": 4.0,
    "1e2": 100.0,
    "1.5E-3": 0.0015,
    "1,5": 1.5,
    ",5": 0.5,
    " 7 ": 7.0,
    "\t7\n": 7.0,
    "0": 0.0,
    "007": 7.0,
    "1e+2": 100.0,
    "0.1": 0.1,
    "9007199254740993": 9007199254740992.0,
}
REFUSED = [
    "abc", "NULL", "nan", "NaN", "inf", "-inf", "Infinity", "+1", "1°", "1.234,5", "1,234,5", " ", "-", ".", "e5",
    "1e", "1_0", "0x10", "1e400", "--1", "1 2", "１２", "\u00a07", "1;", "12N", "1.2.3", "- 1", "+", ",",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), ACCEPTED.items())
def test_a_number_is_read_however_it_is_written(text: str, value: float) -> None:
    assert parse_coordinate(text) == value
    assert parse_coordinates(pl.DataFrame({"c": [text]}), ["c"])[0].values.tolist() == [value]


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_bad(text: str) -> None:
    assert parse_coordinate(text) is None
    found = parse_coordinates(pl.DataFrame({"c": [text, "1"]}), ["c"])[0]
    assert found.bad.tolist() == [True, False]
    assert math.isnan(found.values[0])


def test_a_row_lacks_its_point_when_one_cell_is_empty_and_is_lost_when_one_cannot_be_read() -> None:
    text = pl.DataFrame({"x": ["1", "", "abc", "", "3"], "y": ["2", "2", "2", "abc", "NULL"]})
    points, keep = points_from_cells(text, "x", "y")
    assert keep.tolist() == [True, True, False, True, False]
    assert (points.x[0], points.y[0]) == (1.0, 2.0)
    assert all(math.isnan(points.x[i]) and math.isnan(points.y[i]) for i in (1, 3))


def test_no_rows_give_no_points() -> None:
    points, keep = points_from_cells(
        pl.DataFrame({"x": [], "y": []}, schema={"x": pl.String, "y": pl.String}), "x", "y"
    )
    assert len(points.x) == len(keep) == 0


cells = st.one_of(
    st.text("0123456789.,-+eE _°nafi\t\u00a0", max_size=8),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-180, max_value=180).map(str),
    st.integers().map(str),
    st.sampled_from([*ACCEPTED, *REFUSED, ""]),
)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.lists(cells, min_size=1, max_size=30))
def test_a_column_reads_as_its_cells_do_one_by_one(texts: list[str]) -> None:
    found = parse_coordinates(pl.DataFrame({"c": texts}), ["c"])[0]
    for text, value, empty, bad in zip(texts, found.values.tolist(), found.empty, found.bad, strict=True):
        alone = parse_coordinate(text) if text else None
        assert bool(empty) == (text == "")
        assert bool(bad) == (text != "" and alone is None)
        assert math.isnan(value) if alone is None else value == alone
