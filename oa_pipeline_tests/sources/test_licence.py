"""What a data source says about the use of its data."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.sources.licence import licence_of
from oa_pipeline.sources.model import Licence


@pytest.mark.parametrize(
    ("declared", "licence"),
    [
        pytest.param({}, Licence(), id="silent"),
        pytest.param({"license": "CC BY 4.0"}, Licence("CC BY 4.0"), id="string"),
        pytest.param({"license": {"text": "CC", "url": "http://x"}}, Licence("CC (http://x)"), id="text-and-url"),
        pytest.param({"license": {"url": "http://x"}}, Licence("http://x"), id="url"),
        pytest.param({"license": {"text": "CC"}}, Licence("CC"), id="text"),
        pytest.param({"attribution": "City of X"}, Licence("", True, "City of X"), id="old-attribution"),
        pytest.param(
            {"attribution": "old", "license": {"attribution name": "new"}}, Licence("", True, "new"), id="name-wins"
        ),
        pytest.param(
            {"attribution": "old", "license": {"attribution": False}}, Licence("", False, ""), id="flag-wins-over-tag"
        ),
        pytest.param(
            {"license": {"attribution": False, "attribution name": "X"}}, Licence("", False, ""), id="flag-wins"
        ),
        pytest.param(
            {"license": {"attribution": True, "attribution name": "X"}}, Licence("", True, "X"), id="flag-and-name"
        ),
        pytest.param({"license": {"attribution": True}}, Licence("", True, ""), id="flag-without-name"),
        pytest.param({"license": {"attribution": "no"}}, Licence("", False, ""), id="flag-as-text"),
        pytest.param({"license": {"share-alike": True}}, Licence("", None, "", True), id="share-alike"),
        pytest.param({"license": None, "attribution": 5}, Licence(), id="odd-types"),
    ],
)
def test_the_licence_is_read(declared: dict[str, Any], licence: Licence) -> None:
    assert licence_of(declared) == licence


@pytest.mark.parametrize(
    ("word", "flag"),
    [
        ("y", True),
        ("Yes", True),
        ("t", True),
        ("TRUE", True),
        ("n", False),
        ("no", False),
        ("f", False),
        ("False", False),
        ("maybe", None),
        ("", None),
    ],
)
def test_share_alike_is_understood_in_words(word: str, flag: bool | None) -> None:
    assert licence_of({"license": {"share-alike": word}}).share_alike is flag
