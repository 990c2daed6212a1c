"""docs/github.md promises what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oa_pipeline.github.events import APPROVE, RERUN
from oa_pipeline.github.intake import NEWCOMERS_MOST
from oa_pipeline.ledger.reuse import WINDOW
from oa_pipeline.settings import Settings

TEXT = (Path(__file__).resolve().parents[1] / "docs/github.md").read_text("utf-8")


def test_every_setting_that_is_named_is_one() -> None:
    named = set(re.findall(r"OA_[A-Z_]*[A-Z]", TEXT)) - {"OA_GITHUB"}
    assert len(named) > 10
    assert named <= {name for name, _, _ in Settings.described()}


@pytest.mark.parametrize(
    ("words", "pattern"),
    [("re-run this, please", RERUN), ("approve, please", APPROVE), ("approve this, please", APPROVE)],
)
def test_the_words_of_comments_are_understood(words: str, pattern: re.Pattern[str]) -> None:
    assert f"`{words}`" in TEXT
    assert pattern.search(words)


def test_the_limits_are_those_of_the_code() -> None:
    held = Settings()
    assert (held.pull_request_download_mib, held.pull_request_seconds) == (1024, 1200)
    assert (held.pull_request_rows, held.pull_request_deadline_seconds) == (5_000_000, 3600)
    assert (NEWCOMERS_MOST, WINDOW.days) == (10, 10)
