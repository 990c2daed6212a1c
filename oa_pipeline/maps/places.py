"""Which country a data source is counted with, and which state of the United States: from its folder and its codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..sources.coverage import COUNTRIES, geoid_kind, iso_code, iso_known
from .boundaries.codes import STATES, TERRITORIES

# Subdivisions that have a code of their own among the countries.
SAME: Mapping[str, str] = {
    "FR-971": "GP", "FR-972": "MQ", "FR-973": "GF", "FR-974": "RE", "FR-976": "YT", "FR-GP": "GP", "FR-MQ": "MQ",
    "FR-GF": "GF", "FR-RE": "RE", "FR-YT": "YT", "FR-BL": "BL", "FR-MF": "MF", "FR-PM": "PM", "FR-PF": "PF",
    "FR-NC": "NC", "FR-WF": "WF", "FR-TF": "TF", "NL-AW": "AW", "NL-CW": "CW", "NL-SX": "SX", "CN-HK": "HK",
    "CN-MO": "MO", "CN-TW": "TW", "FI-01": "AX", "NO-21": "SJ", "NO-22": "SJ", "AU-CX": "CX", "AU-CC": "CC",
    "AU-NF": "NF", "AU-HM": "HM",
}  # fmt: skip
FOLDERS: Mapping[str, str] = {"uk": "GB", "el": "GR"}  # of the source repository, which are no codes
GEOIDS: Mapping[str, str] = {state: geoid for geoid, state in STATES.items()}


def place_of(coverage: Mapping[str, Any], source: str) -> tuple[str, str]:
    """The country and, within the United States, the state that a source is counted with; empty where not known."""
    iso, geoid = iso_code(coverage), geoid_of(coverage)
    if state := state_folder(source):
        return _of_state(state)
    if geoid_kind(geoid) and geoid[:2] in STATES:
        return _of_state(STATES[geoid[:2]])
    if iso_known(iso):
        country = SAME.get(iso, iso[:2])
        return _of_state(iso[3:]) if country == "US" and iso[3:] in GEOIDS else (country, "")
    first = source.split("/", 1)[0]
    folder = FOLDERS.get(first, first.upper())
    return (folder, "") if folder in COUNTRIES else ("", "")


def state_folder(source: str) -> str:
    """The state in whose folder a source of the United States lies; empty where it lies in none."""
    folders = source.upper().split("/")
    return folders[1] if len(folders) > 2 and folders[0] == "US" and folders[1] in GEOIDS else ""


def _of_state(state: str) -> tuple[str, str]:
    """A territory is a state, and a country of its own."""
    return (state if state in TERRITORIES else "US"), state


def geoid_of(coverage: Mapping[str, Any]) -> str:
    """The GEOID that the coverage gives, whatever it is; empty where it gives none."""
    held = coverage.get("US Census")
    geoid = held.get("geoid") if isinstance(held, Mapping) else held
    return geoid.strip() if isinstance(geoid, str) else ""
