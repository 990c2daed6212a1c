"""The five conforms that are measured: plain columns, lists, patterns, the address functions, and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN: Mapping[str, Any] = {
    "city": "CITY",
    "district": "COUNTY",
    "region": "STATE",
    "postcode": "ZIP",
    "id": "PARCEL",
}

CONFORMS: Mapping[str, Mapping[str, Any]] = {
    "simple": {"number": "HOUSE", "street": "FNAME", "unit": "UNIT_NO", **_PLAIN},
    "join": {
        "number": ["HOUSE", "HOUSESUF"],
        "street": ["FDPRE", "FNAME", "FTYPE", "FDSUF"],
        "unit": ["UNIT_TYPE", "UNIT_NO"],
        **_PLAIN,
    },
    "regexp": {
        **_PLAIN,
        "number": {"function": "regexp", "field": "FULLADDR", "pattern": "^(\\d+(?:[A-Z]| 1/2)?)\\s"},
        "street": {"function": "regexp", "field": "FULLADDR", "pattern": "^\\d+(?:[A-Z]| 1/2)?\\s+(.*)$"},
        "unit": {"function": "join", "fields": ["UNIT_TYPE", "UNIT_NO"], "separator": " "},
        "city": {
            "function": "regexp",
            "field": "MAILING",
            "pattern": "^.*, (.+), ([A-Z]{2}) \\d{5}$",
            "replace": "$1",
        },
    },
    "prefixed": {
        "number": {"function": "prefixed_number", "field": "FULLADDR"},
        "street": {"function": "postfixed_street", "field": "FULLADDR", "may_contain_units": True},
        "unit": {"function": "postfixed_unit", "field": "FULLADDR"},
        **_PLAIN,
    },
    "format": {
        **_PLAIN,
        "number": {"function": "format", "fields": ["HOUSE", "HOUSESUF"], "format": "$1-$2"},
        "street": {
            "function": "chain",
            "variable": "wip",
            "functions": [
                {"function": "remove_prefix", "field": "FULLADDR", "field_to_remove": "HOUSE"},
                {"function": "regexp", "field": "oa:wip", "pattern": "^(.*?)(?: (?:Apt|Unit|Ste|#) .*)?$"},
            ],
        },
        "unit": {"function": "first_non_empty", "fields": ["UNIT_NO", "UNIT_TYPE"]},
        "region": {"function": "constant", "value": "Oregon"},
        "postcode": {"function": "format", "fields": ["ZIP", "ZIP4"], "format": "$1-$2"},
        "district": {
            "function": "map",
            "field": "STATUS",
            "mapping": {"ACTIVE": "in use", "RETIRED": "out of use"},
            "else": "unknown",
        },
    },
}
