"""The rules of `coverage`: which codes there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

# ISO 3166-1, and XK, which everybody uses for Kosovo.
_CODES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ "
    "DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR "  # codespell:ignore fo
    "GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT "
    "JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY "
    "QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ "
    "TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW "
)
COUNTRIES = frozenset(_CODES.split())

_GEOIDS: Mapping[int, Literal["state", "county", "place"]] = {2: "state", 5: "county", 7: "place"}
_subdivision = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}\Z").match


def geoid_kind(geoid: str) -> Literal["state", "county", "place"] | None:
    """What a United States Census GEOID names, by its digits; None where it names nothing that can be drawn."""
    return _GEOIDS.get(len(geoid)) if geoid.isascii() and geoid.isdigit() else None


def iso_known(code: str) -> bool:
    """Whether `code` is a country of ISO 3166-1, or has the form of a part of one (`FI-01`). Case does not matter."""
    code = code.upper()
    return code in COUNTRIES or (_subdivision(code) is not None and code[:2] in COUNTRIES)


def iso_code(coverage: Mapping[str, Any]) -> str:
    """The ISO 3166 code that a coverage gives, upper-cased; empty where it gives none."""
    held = coverage.get("ISO 3166")
    code = held.get("alpha2") if isinstance(held, Mapping) else held
    return code.strip().upper() if isinstance(code, str) else ""
