"""Values of JSON become the text that Python prints."""

from __future__ import annotations

from typing import Any

import pytest

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
