"""The block reader gives exactly the rows of Python's csv module, for any text cut anywhere."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.readers.csv_blocks import CsvBlocks
from oa_pipeline.counters import Counters


def oracle(text: str, separator: str, width: int) -> tuple[list[tuple[str, ...]], int]:
    """Rows of `width` cells by Python's csv, and how many had too many."""
    rows, long = [], 0
    for cells in csv.reader(io.StringIO(text, newline="\n"), delimiter=separator):
        if len(cells) > width:
            long += 1
        elif cells:
            rows.append((*cells, *[""] * (width - len(cells))))
    return rows, long


def ours(
    text: str, separator: str, width: int, size: int, indices: list[int]
) -> tuple[list[tuple[str, ...]], Counters]:
    raw = text.encode()
    blocks = (raw[i : i + size] for i in range(0, len(raw), size))
    counters = Counters()
    parser = CsvBlocks(separator, width, indices, counters, line=1)
    return [row for rows in parser.rows(blocks) for row in rows.frame.rows()], counters


def hold(text: str, separator: str, width: int, size: int, indices: list[int]) -> None:
    expected, long = oracle(text, separator, width)
    rows, counters = ours(text, separator, width, size, indices)
    assert rows == [tuple(row[i] for i in indices) for row in expected]
    assert counters["rows/dropped/too-many-cells"] == long
    assert counters["rows/read"] == len(expected) + long


AWKWARD = {
    "plain": "a,b\nc,d\n",
    "no-final-line-end": "a,b\nc,d",
    "quotes-inside-an-unquoted-cell": 'a"b,c\nd,e""f\n',
    "text-after-a-closing-quote": '"a"b,c\nd,e\n',
    "blank-before-a-quote": ' "a,b",c\nd,e\n',
    "doubled-quotes": '"a""b","c"\n"""","d"\n',
    "cell-over-several-lines": '"a\n\nb",c\nd,"e\n"\n',
    "quote-never-closed": 'a,"b\nc,d\ne,f\n',
    "closed-at-the-very-end": 'a,"b\nc"',
    "empty-lines": "\n\na,b\n\n\nc,d\n\n",
    "line-of-blanks": "a,b\n  \nc,d\n",
    "short-rows": "a\nb,c\nd\n",
    "long-rows": "a,b,c\nd,e\nf,g,\nh\n",
    "empty-cells": ",\n,x\ny,\n",
    "only-separators": ",,\n,\n",
    "empty-quotes": '"",""\n"",x\n""\n',
    "nul": "a\0b,c\n\0,d\n",
    "mark-in-the-middle": "a,b\n\ufeffc,d\n",
    "mark-at-the-start": "\ufeffa,b\nc,d\n",
    "beyond-ascii": "é,ü\n中,文\n",
    "separators-of-other-kinds": "a\u2028b,c\x0bd\ne\x85,f\x1c\n",
    "hash": "#a,b\nc,d\n",
    "nothing": "",
}


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_awkward_text_reads_as_python_reads_it(text: str, size: int) -> None:
    for width in (1, 2, 3):
        hold(text, ",", width, size, list(range(width)))


def test_a_separator_outside_ascii_parts_cells() -> None:
    hold("a§b\n§c\nd§\n", "§", 2, 4, [0, 1])


@pytest.mark.parametrize("separator", ["^", "\x01", "x", "a", ","], ids=repr)
@pytest.mark.parametrize("start", ["x", "x^", "xڀ", "x\x01", "\x1f", "BZh", "(", "PK"], ids=repr)
def test_text_that_begins_like_a_packed_file_is_text(start: str, separator: str) -> None:
    hold(f"{start}\n{separator}b\n{start}{separator}d\n", separator, 2, 1000, [0, 1])
    hold(f"{start}{separator}b\n{start}{separator}d\n", separator, 2, 1000, [0, 1])


plain = st.text('ab,\n"', max_size=40)
quoted = st.lists(st.sampled_from(['"a"', '"a\nb"', '"a""b"', "x", ",", ",", "\n", '""', " "]), max_size=40)
odd = st.lists(st.sampled_from(["é", "\0", '"', ",", "\n", "\ufeff", "ab", ",", "\n"]), max_size=40)


@settings(derandomize=True, max_examples=400, deadline=None)
@given(
    text=st.one_of(plain, quoted.map("".join), odd.map("".join)),
    width=st.integers(1, 4),
    size=st.integers(1, 12),
    data=st.data(),
)
def test_any_text_cut_anywhere_reads_as_python_reads_it(text: str, width: int, size: int, data: st.DataObject) -> None:
    indices = data.draw(st.lists(st.integers(0, width - 1), min_size=1, unique=True).map(sorted))
    hold(text, ",", width, size, indices)


pieces = ("ab,", '"a","b"\n', '"a\nb",', '"a""b"\n', ",\n", "x" * 61, '"' + "y" * 62 + '",', "z\n", 'a"', "\n")
long = st.lists(st.sampled_from(pieces[:-2]), max_size=60) | st.lists(st.sampled_from(pieces), max_size=60)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(text=long.map("".join), width=st.integers(1, 3), size=st.integers(1, 400))
def test_longer_text_reads_as_python_reads_it(text: str, width: int, size: int) -> None:
    hold(text, ",", width, size, list(range(width)))


def test_plain_text_never_takes_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the slow way was taken")

    monkeypatch.setattr(CsvBlocks, "_slowly", refuse)
    for name in ("plain", "doubled-quotes", "cell-over-several-lines", "empty-lines", "short-rows", "long-rows", "nul"):
        hold(AWKWARD[name], ",", 2, 1000, [0, 1])
