"""Codes of places."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.sources.coverage import COUNTRIES, geoid_kind, iso_code, iso_known
from oa_pipeline.sources.model import Coverage


@pytest.mark.parametrize(
    ("geoid", "kind"),
    [("06", "state"), ("06001", "county"), ("0653000", "place")]
    + [(odd, None) for odd in ("", "446000", "09-80490", "0901559980", "٠٦", "6a")],
)
def test_the_digits_of_a_geoid_say_what_it_names(geoid: str, kind: str | None) -> None:
    assert geoid_kind(geoid) == kind


def test_every_country_of_the_standard_is_known() -> None:
    assert len(COUNTRIES - {"XK"}) == 249


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("FI", True),
        ("fi", True),
        ("FI-01", True),
        ("TW-ILA", True),
        ("XK", True),
        ("XX", False),
        ("UK", False),
        ("XX-01", False),
        ("FI-", False),
        ("FI-ABCD", False),
        ("Finland", False),
    ],
)
def test_iso_codes_are_countries_or_parts_of_them(code: str, known: bool) -> None:
    assert iso_known(code) is known


@pytest.mark.parametrize(
    ("coverage", "code"),
    [({"ISO 3166": {"alpha2": "fi-01"}}, "FI-01"), ({"ISO 3166": "KR"}, "KR"), ({}, ""), ({"ISO 3166": 3}, "")],
)
def test_the_code_of_a_coverage_is_found(coverage: dict[str, Any], code: str) -> None:
    assert iso_code(coverage) == code


@pytest.mark.parametrize(
    ("coverage", "complete"),
    [({"US Census": None}, True), ({"ISO 3166": {}}, True), ({"geometry": {}}, True), ({"country": "us"}, False)],
)
def test_a_coverage_is_complete_where_it_can_be_drawn(coverage: dict[str, Any], complete: bool) -> None:
    assert Coverage(coverage).complete is complete
