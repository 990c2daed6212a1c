"""How much of countries and states has addresses."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.maps import boundaries
from oa_pipeline.maps.areas import area_of
from oa_pipeline.maps.coverage import Standing
from oa_pipeline.maps.shares import Share, shares

RHODE_ISLAND = ("44001", "44003", "44005", "44007", "44009")


def told(sources: dict[str, tuple[dict[str, Any], bool]]) -> dict[tuple[str, str], Share]:
    standings = [
        Standing(source, area_of(coverage, source), good, 10, None, "" if good else "Could not download source data")
        for source, (coverage, good) in sources.items()
    ]
    return {(one.level, one.code): one for one in shares(standings)}


def county(geoid: str, good: bool = True) -> dict[str, tuple[dict[str, Any], bool]]:
    return {f"us/ri/c{geoid}": ({"US Census": {"geoid": geoid}}, good)}


def test_all_counties_are_a_whole_state_and_a_part_of_the_country() -> None:
    found = told({key: value for geoid in RHODE_ISLAND for key, value in county(geoid).items()})
    state, country = found["state", "RI"], found["country", "US"]
    assert state.land_share == pytest.approx(1, abs=1e-6)
    assert (state.sources, state.good, state.addresses, state.missing_count) == (5, 5, 50, 0)
    assert country.covered_km2 == pytest.approx(state.land_km2, rel=1e-4)
    assert 0 < country.land_share < 0.001
    assert {one.code for one in country.missing} & {"AK", "TX"}
    assert "RI" not in {one.code for one in country.missing}


def test_land_is_about_as_large_as_it_is_known_to_be() -> None:
    found = told({})
    known = {("country", "FR"): 547_000, ("country", "IS"): 103_000, ("state", "TX"): 695_000, ("country", "US"): 9.4e6}
    for key, km2 in known.items():
        assert found[key].land_km2 == pytest.approx(km2, rel=0.05)
    assert len(found) == 250 + 56


def test_areas_of_broken_sources_are_missing_and_not_covered() -> None:
    found = told({**county("44001"), **county("44003", good=False)})["state", "RI"]
    assert 0 < found.land_share < 0.3
    assert (found.sources, found.good) == (2, 1)
    by_code = {one.code: one for one in found.missing}
    assert set(by_code) == set(RHODE_ISLAND) - {"44001"}
    assert (by_code["44003"].source, by_code["44003"].why) == ("us/ri/c44003", "Could not download source data")
    assert by_code["44007"].why == "no source"
    assert [one.km2 for one in found.missing] == sorted((one.km2 for one in found.missing), reverse=True)


def test_what_two_sources_cover_counts_once() -> None:
    twice = told({**county("44001"), "us/ri/again": ({"US Census": {"geoid": "44001"}}, True)})["state", "RI"]
    assert twice.covered_km2 == pytest.approx(told(county("44001"))["state", "RI"].covered_km2)


def test_a_point_counts_for_ten_kilometres_around_it_within_its_country() -> None:
    middle = {"geometry": {"type": "Point", "coordinates": [26.0, 64.0]}}
    found = told({"fi/city": (middle, True)})["country", "FI"]
    assert found.covered_km2 == pytest.approx(314, rel=0.03)
    border = {"geometry": {"type": "Point", "coordinates": [9.55, 47.05]}}
    assert told({"li/city": (border, True)})["country", "LI"].covered_km2 <= 165


def test_a_country_is_one_however_many_states_it_has() -> None:
    found = told({"us/countrywide": ({"ISO 3166": {"alpha2": "US"}}, True)})
    assert found["country", "US"].land_share == 1
    assert {found["state", state].land_share for state in boundaries.STATES.values()} == {1.0}
    assert found["state", "CA"].sources == 0


def test_a_territory_is_a_state_and_a_country_and_whole_in_both() -> None:
    found = told({"us/pr/statewide": ({"US Census": {"geoid": "72"}}, True)})
    assert found["state", "PR"].land_share == pytest.approx(1, abs=1e-6)
    assert found["country", "PR"].land_share == pytest.approx(1, abs=1e-6)
    assert found["country", "US"].sources == 0


def test_broken_sources_of_other_countries_are_what_is_missing() -> None:
    found = told({"fr/83/x": ({"ISO 3166": {"alpha2": "FR-83", "subdivision": "Var"}}, False)})["country", "FR"]
    (missing,) = found.missing
    assert (missing.code, missing.name, missing.source) == ("FR-83", "Var", "fr/83/x")
    (none,) = told({})["country", "FR"].missing
    assert none.why == "no source covers the rest of it"
