"""People's words find names however they are written."""

from __future__ import annotations

import pytest

from oa_pipeline.web.places import called
from oa_pipeline.web.searching import folded, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Oakland, CA", ["oakland", "ca"]),
        ("St. Louis; Missouri?", ["st", "louis", "missouri"]),
        ("us/ca/alameda", ["us/ca/alameda"]),
        ("São Paulo", ["sao", "paulo"]),
        ("Łódź", ["lodz"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("\uff35\uff33", ["us"]),
        ("大阪、が", ["大阪、が"]),
        (" , . ; ", []),
        ("", []),
    ],
)
def test_words_are_told_apart_and_written_alike(text: str, found: list[str]) -> None:
    assert words(text) == found
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        ({"US Census": {"geoid": "06001", "name": "Alameda County"}}, ("Alameda County",)),
        ({"US Census": {"geoid": "06001"}}, ()),
        ({"US Census": {"name": 7, "county": "A\nB"}}, ("A B",)),
        ({"US Census": "06001", "ISO 3166": ["FR"]}, ()),
        ({"US Census": {"name": "x" * 10_000}}, ("x" * 100,)),
        ({"ISO 3166": {"alpha2": "FR-08", "country": "France", "subdivision": "Ardennes"}}, ("Ardennes",)),
        (
            {"ISO 3166": {"subdivision": "Uusimaa", "subdivision (sv)": "Nyland", "region": "South"}},
            ("South", "Uusimaa", "Nyland"),
        ),
        (None, ()),
    ],
)
def test_a_place_is_called_what_its_source_says(declared: dict[str, object] | None, names: tuple[str, ...]) -> None:
    assert called(declared) == names
