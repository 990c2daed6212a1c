"""The scan finds where JSON values end, in any text, however it is cut into windows and blocks."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.readers import json_scan
from oa_pipeline.convert.readers.json_scan import MAX_DEPTH, Scan
from oa_pipeline.errors import ConvertError

values = st.recursive(
    st.integers() | st.text('\\"[]{},a', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('\\"]', max_size=3), inner, max_size=2),
    max_leaves=8,
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(held=st.lists(values, min_size=1, max_size=5), window=st.integers(2, 9), block=st.integers(1, 9))
def test_commas_and_the_closing_bracket_are_found(held: list[Any], window: int, block: int) -> None:
    texts = [json.dumps(one).encode() for one in held]
    data = b",".join(texts) + b'], "x]" [['
    ends = list(accumulate(len(text) + 1 for text in texts))
    before = json_scan._WINDOW
    json_scan._WINDOW = window
    try:
        scan, commas, end, close = Scan(0), [], 0, None
        while close is None:
            end += block
            found = scan.run(data[:end])
            commas += found.commas.tolist()
            close = found.close
    finally:
        json_scan._WINDOW = before
    assert commas == [one - 1 for one in ends[:-1]]
    assert close == ends[-1] - 1


def test_nesting_has_a_limit() -> None:
    assert Scan(0).run(b"[" * MAX_DEPTH).close is None
    with pytest.raises(ConvertError, match="deeper"):
        Scan(0).run(b"[" * (MAX_DEPTH + 1))


def test_a_megabyte_of_backslashes_is_no_trouble() -> None:
    data = b'"' + b"\\" * (2 * json_scan._WINDOW) + b'",'
    assert Scan(0).run(data).commas.tolist() == [len(data) - 1]
