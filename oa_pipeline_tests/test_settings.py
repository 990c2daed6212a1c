"""Settings come from OA_* variables only, and every one is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline.errors import SettingsError
from oa_pipeline.settings import Settings

README = Path(__file__).resolve().parents[1] / "README.md"


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"OA_STOER.*OA_STORE"):
        Settings.from_env({"OA_STOER": "s3://typo"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OA_UI_PORT", "three thousand"),
        ("OA_UI_PORT", "65536"),
        ("OA_FEED_SECONDS", "-1"),
        ("OA_SET_DEADLINE_SECONDS", "0"),
        ("OA_CONVERT_ROWS", "1.5"),
        ("OA_GATE_ROWS", "a tenth"),
        ("OA_KEEP_DAYS", "0"),
        ("OA_SET_SCHEDULE", "on Fridays"),
        ("OA_ALLOW_LOCAL_SOURCES", "perhaps"),
        ("OA_SANDBOX", "off"),
    ],
)
def test_an_impossible_value_is_an_error_that_names_the_setting_and_what_may_stand_there(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}=.*: use "):
        Settings.from_env({name: value})


def test_an_empty_value_is_the_default_and_other_variables_are_none_of_our_business() -> None:
    assert Settings.from_env({"OA_STORE": "", "HOME": "/x"}) == Settings()


@pytest.mark.parametrize(("text", "flag"), [("1", True), ("yes", True), ("TRUE", True), ("0", False), ("off", False)])
def test_flags_are_read_in_the_usual_spellings(text: str, flag: bool) -> None:
    assert Settings.from_env({"OA_ALLOW_LOCAL_SOURCES": text}).allow_local_sources is flag


def test_the_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    table = "\n".join(
        ["| setting | default | meaning |", "|---|---|---|"]
        + [
            f"| `{name}` | {f'`{default}`' if default else ''} | {says} |"
            for name, default, says in Settings.described()
        ]
    )

    assert table in README.read_text("utf-8"), f"the table should read:\n{table}"
