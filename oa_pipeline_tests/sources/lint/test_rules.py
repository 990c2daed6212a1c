"""Each rule beyond the schema, with a file that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from ..examples import data_source, source
from .building import AT, chain, covered, findings, fn, nested, of_conform, of_source, polygon, regexp

RULES = [
    pytest.param(of_conform(lat=None), "error", "missing-coordinate", f"{AT}.conform", "needs 'lat'", id="lat"),
    pytest.param(of_conform(lon=""), "error", "missing-coordinate", f"{AT}.conform", "needs 'lon'", id="lon"),
    pytest.param(of_conform(format=None), "error", "missing-key", f"{AT}.conform", "'format' is missing", id="format"),
    pytest.param(of_conform(headers=0), "error", "wrong-value", f"{AT}.conform.headers", "from 1", id="headers-0"),
    pytest.param(of_conform(skiplines=2), "warning", "lone-skiplines", f"{AT}.conform.skiplines", "", id="skip"),
    pytest.param(
        of_conform(headers=3, skiplines=2), "warning", "lone-skiplines", f"{AT}.conform.skiplines", "3", id="unequal"
    ),
    pytest.param(of_conform(encoding="utf-99"), "error", "unknown-encoding", f"{AT}.conform.encoding", "", id="codec"),
    pytest.param(of_conform(encoding="base64"), "error", "unknown-encoding", f"{AT}.conform.encoding", "", id="bytes"),
    pytest.param(of_conform(street="NO"), "warning", "same-column", f"{AT}.conform.street", "'NO'", id="same"),
    pytest.param(of_conform(unit="ST"), "warning", "same-column", f"{AT}.conform.unit", "'ST'", id="same-unit"),
    pytest.param(regexp("(x"), "error", "bad-pattern", f"{AT}.conform.number.pattern", "position 0", id="pattern"),
    pytest.param(regexp(r"(\p{L})"), "error", "bad-pattern", f"{AT}.conform.number.pattern", "\\p", id="classes"),
    pytest.param(regexp("(a)(?i)b"), "error", "bad-pattern", f"{AT}.conform.number.pattern", "flags", id="flags"),
    pytest.param(
        regexp("(" * 9000 + ")" * 9000), "error", "bad-pattern", f"{AT}.conform.number.pattern", "", id="nest"
    ),
    pytest.param(regexp("(a)" * 5000), "error", "long-pattern", f"{AT}.conform.number.pattern", "5,000", id="groups"),
    pytest.param(
        regexp("((?:a{0,60000}){0,60000})"),
        "error",
        "long-pattern",
        f"{AT}.conform.number.pattern",
        "unrolls",
        id="counted-nests",
    ),
    pytest.param(regexp("(a)" + "b" * 65_000), "error", "long-pattern", f"{AT}.conform.number.pattern", "", id="65-kB"),
    pytest.param(regexp("abc"), "warning", "always-empty", f"{AT}.conform.number.pattern", "empty", id="no-group"),
    pytest.param(regexp("^(a+)+$"), "warning", "slow-pattern", f"{AT}.conform.number.pattern", "", id="slow"),
    pytest.param(regexp(r"(\w+\s?)*x"), "warning", "slow-pattern", f"{AT}.conform.number.pattern", "", id="slow-words"),
    pytest.param(regexp("(a|b+)*x"), "warning", "slow-pattern", f"{AT}.conform.number.pattern", "", id="slow-branch"),
    pytest.param(
        regexp("(a)", replace=r"\g<999>"), "error", "bad-replace", f"{AT}.conform.number.replace", "group", id="g-999"
    ),
    pytest.param(regexp("(a)", replace="$10"), "error", "bad-replace", f"{AT}.conform.number.replace", "10", id="10"),
    pytest.param(
        regexp("(a)", replace="${2}"), "error", "bad-replace", f"{AT}.conform.number.replace", "2", id="brace"
    ),
    pytest.param(regexp("(a)", replace="\\"), "error", "bad-replace", f"{AT}.conform.number.replace", "", id="slash"),
    pytest.param(regexp("(a)", replace="\\q"), "error", "bad-replace", f"{AT}.conform.number.replace", "", id="escape"),
    pytest.param(
        chain("A", fn("regexp", field="oa:v", pattern="(", replace="x"), variable="v"),
        "error",
        "bad-pattern",
        f"{AT}.conform.number.functions[1].pattern",
        "",
        id="pattern-in-a-chain",
    ),
    pytest.param(
        of_conform(number=fn("format", fields=["A"], format="$1-$2")),
        "warning",
        "unknown-field",
        f"{AT}.conform.number.format",
        "$2 has no field",
        id="format",
    ),
    pytest.param(
        of_conform(number=fn("format", fields=["A"], format="x {0.__init__}")),
        "warning",
        "always-empty",
        f"{AT}.conform.number.format",
        "without $1",
        id="format-without-field",
    ),
    pytest.param(
        of_conform(number=fn("join", fields=["A"] * 501)),
        "error",
        "too-many-fields",
        f"{AT}.conform.number.fields",
        "501",
        id="501-fields",
    ),
    pytest.param(
        of_conform(number=["A"] * 501), "error", "too-many-fields", f"{AT}.conform.number", "501", id="501-columns"
    ),
    pytest.param(
        chain(*["A"] * 51, variable="v"), "error", "long-chain", f"{AT}.conform.number.functions", "51", id="51-steps"
    ),
    pytest.param(
        of_conform(number=nested(30)), "error", "long-chain", f"{AT}.conform.number.functions", "60", id="nested-chains"
    ),
    pytest.param(
        chain(fn("regexp", field="oa:v", pattern="(x)"), "A", variable="v"),
        "error",
        "chain-reads-itself",
        f"{AT}.conform.number.functions[0]",
        "'oa:v'",
        id="self-reference",
    ),
    pytest.param(
        chain(["A", "oa:number"]), "error", "chain-reads-itself", f"{AT}.conform.number.functions[0]", "", id="self"
    ),
    pytest.param(
        source(data_source(), data_source()), "warning", "duplicate-name", "layers.addresses[1].name", "", id="twice"
    ),
    pytest.param(of_source(name="a\u202eb"), "error", "bad-name", f"{AT}.name", "direction", id="name"),
    pytest.param(of_source(name=" "), "error", "bad-name", f"{AT}.name", "empty", id="blank-name"),
    pytest.param(of_source(conform=None), "warning", "no-conform", AT, "nothing is made", id="no-conform"),
    pytest.param(
        of_source(license={"share alike": False}),
        "warning",
        "licence-key",
        f'{AT}.license["share alike"]',
        "",
        id="licence-key",
    ),
    pytest.param(of_source(website="javascript:alert(1)"), "error", "bad-website", f"{AT}.website", "", id="script"),
    pytest.param(of_source(website="httpss://x"), "warning", "bad-website", f"{AT}.website", "", id="website"),
    pytest.param(
        covered(**{"US Census": {"geoid": "446000"}}),
        "warning",
        "geoid",
        'coverage["US Census"].geoid',
        "446000",
        id="geoid-6",
    ),
    pytest.param(
        covered(**{"US Census": {"geoid": "09-80490"}}),
        "warning",
        "geoid",
        'coverage["US Census"].geoid',
        "",
        id="geoid-8",
    ),
    pytest.param(
        covered(**{"US Census": {"geoid": "0901559980"}}),
        "warning",
        "geoid",
        'coverage["US Census"].geoid',
        "",
        id="geoid-10",
    ),
    pytest.param(
        covered(**{"ISO 3166": {"alpha2": "XX-1"}}),
        "warning",
        "unknown-iso",
        'coverage["ISO 3166"].alpha2',
        "XX-1",
        id="iso",
    ),
    pytest.param(covered(**{"ISO 3166": "UK"}), "warning", "unknown-iso", 'coverage["ISO 3166"]', "UK", id="iso-text"),
    pytest.param(covered(country="zz"), "warning", "unknown-country", "coverage.country", "'zz'", id="country"),
    pytest.param(covered(country="fr"), "warning", "country-folder", "coverage.country", "'us'", id="country-folder"),
    pytest.param(source(coverage={"country": "us"}), "warning", "incomplete-coverage", "coverage", "", id="incomplete"),
    pytest.param(
        polygon((0, 0), (1, 1), (1, 0), (0, 1), (0, 0)),
        "error",
        "bad-geometry",
        "coverage.geometry",
        "itself",
        id="bow-tie",
    ),
    pytest.param(
        polygon((0, 0), (181, 0), (1, 1), (0, 0)),
        "error",
        "bad-geometry",
        "coverage.geometry",
        "longitude 181",
        id="181",
    ),
    pytest.param(
        polygon((0, 0), (1, -91), (1, 1), (0, 0)),
        "error",
        "bad-geometry",
        "coverage.geometry",
        "latitude -91",
        id="-91",
    ),
    pytest.param(polygon((0, 0), (1, 0), (1, 1)), "error", "bad-geometry", "coverage.geometry", "closed", id="open"),
    pytest.param(
        covered(geometry={"type": "Point", "coordinates": ["1", 2]}),
        "error",
        "bad-geometry",
        "coverage.geometry",
        "two numbers",
        id="text-coordinates",
    ),
    pytest.param(
        covered(geometry={"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": []}]}),
        "error",
        "bad-geometry",
        "coverage.geometry",
        "no coordinates",
        id="collection",
    ),
]


@pytest.mark.parametrize(("held", "severity", "rule", "where", "message"), RULES)
def test_each_rule_beyond_the_schema_has_its_place(
    held: Any, severity: str, rule: str, where: str, message: str
) -> None:
    (one,) = findings(held)
    assert (one.severity, one.rule, one.where) == (severity, rule, where)
    assert message in one.message
    assert one.cure


def test_a_million_vertices_are_refused() -> None:
    ring = b",".join([b"[1,1]"] * 1_000_000)
    held = b'{"schema":2,"coverage":{"country":"us","geometry":{"type":"Polygon","coordinates":[[' + ring + b"]]}}}"
    (one,) = findings(held)
    assert one.rule == "bad-geometry"
    assert "1,000,000 vertices" in one.message


def test_chains_nested_beyond_reason_are_an_error_not_a_crash() -> None:
    assert {one.rule for one in findings(of_conform(number=nested(46)))} & {"long-chain", "too-deep"}
    assert [one.rule for one in findings(of_conform(number=nested(60)))] == ["json"]


def test_references_in_data_are_unknown_keys() -> None:
    (one,) = findings(source(**{"$ref": "http://127.0.0.1:9/x"}))
    assert (one.rule, one.where) == ("unknown-key", '["$ref"]')
