"""Values of JSON become the text that Python prints."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from oa_pipeline.convert.readers import cells
from oa_pipeline.convert.readers.cells import integral_float_text, text_series

COLUMNS: dict[str, tuple[list[Any], list[str]]] = {
    "text": (["a", None, ""], ["a", "", ""]),
    "integers": ([1, None, -5, 0], ["1", "", "-5", "0"]),
    "the largest and the smallest": ([2**63 - 1, -(2**63)], ["9223372036854775807", "-9223372036854775808"]),
    "integers beyond 64 bits": ([2**63, 1], ["9223372036854775808", "1"]),
    "integers beyond 128 bits": ([10**50, None], ["1" + "0" * 50, ""]),
    "integers and text": ([1, "a"], ["1", "a"]),
    "integers and floats": ([1, 1.5, 2.0], ["1", "1.5", "2"]),
    "truth among integers": ([True, 1], ["True", "1"]),
    "nothing": ([None, None], ["", ""]),
    "no rows": ([], []),
    "half a surrogate": (["\ud800"], ["\ufffd"]),
    "lists": ([[1, "b"], {"c": None}], ['[1,"b"]', '{"c":null}']),
}


@pytest.mark.parametrize(("values", "texts"), COLUMNS.values(), ids=COLUMNS)
def test_values_become_text(values: list[Any], texts: list[str]) -> None:
    assert text_series("a", values, integral_float_text).to_list() == texts


def test_lists_in_lists_take_no_longer_than_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """polars looks at each level once more for every level above it: it is never given any."""
    nested: list[Any] = ["end"]
    for _ in range(200):
        nested = [nested]
    given: list[Any] = []

    def series(name: str, values: list[Any], **more: Any) -> pl.Series:
        given.extend(values)
        return pl.Series(name, values, **more)

    monkeypatch.setattr(cells, "pl", SimpleNamespace(Series=series, String=pl.String))
    assert text_series("a", ["text", nested], integral_float_text)[1] == "[" * 201 + '"end"' + "]" * 201
    assert {type(value) for value in given} == {str}
