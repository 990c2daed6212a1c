"""How old an instance is, is told by EC2's clock alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oa_pipeline.aws.instances import said_at


def test_an_answer_is_of_the_moment_that_it_names_itself() -> None:
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 06 Mar 2026 21:00:00 GMT"}}}
    assert said_at(answer) == datetime(2026, 3, 6, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    "answer", [{}, {"ResponseMetadata": {"HTTPHeaders": {"date": "soon"}}}], ids=["none", "no date"]
)
def test_an_answer_that_names_none_is_of_now(answer: dict[str, Any]) -> None:
    assert abs(said_at(answer) - datetime.now(UTC)) < timedelta(minutes=1)
