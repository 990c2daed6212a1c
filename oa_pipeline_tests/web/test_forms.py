"""How facts are written for programs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.web.forms import json_text, separated

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"at": AT, "day": date(2026, 3, 1)}, '{"at":"2026-03-01T12:00:00Z","day":"2026-03-01"}'),
        ([Decimal("3"), Decimal("0.5"), 1.5, True, None], "[3,0.5,1.5,true,null]"),
        ([1.0, float("nan"), {"x": float("inf")}, AT], '[1.0,null,{"x":null},"2026-03-01T12:00:00Z"]'),
        (MappingProxyType({"a": (1, {2})}), '{"a":[1,[2]]}'),
        ({AT.date(): RunStatus.FAILED}, '{"2026-03-01":"failed"}'),
        ("é", '"é"'),
    ],
    ids=["moments", "numbers", "no numbers", "of other types", "names that are no texts", "letters"],
)
def test_json_is_json_whatever_a_fact_is_made_of(value: Any, text: str) -> None:
    assert json_text(value) == f"{text}\n"


def test_a_table_has_empty_cells_and_json_in_those_that_hold_more() -> None:
    row = ["a, b", None, 3, True, 0.1, [1.5, -2.0], {"x": "é"}, AT, RunStatus.FAILED, Decimal("2")]

    assert separated(["c"], [row]).splitlines()[1] == (
        '"a, b",,3,true,0.1,"[1.5, -2.0]","{""x"": ""é""}",2026-03-01T12:00:00Z,failed,2'
    )
