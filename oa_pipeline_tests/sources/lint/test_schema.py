"""What the schema refuses, each with its place and its cure."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.sources.lint import format_finding

from ..examples import COVERAGE, conform, source
from .building import AT, chain, covered, findings, fn, of_conform, of_source, polygon, regexp


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(source(), id="plain"),
        pytest.param(of_source(protocol="ftp", data="ftp://example.org/a.zip"), id="ftp"),
        pytest.param(of_source(protocol="ESRI", data="https://example.org:6443/a/FeatureServer/0"), id="esri"),
        pytest.param(of_source(skip=True, conform=None), id="skipped"),
        pytest.param(regexp("(" + "|".join(["Straße"] * 6857) + ")"), id="48-kB-pattern"),
        pytest.param(regexp(r"^(\d+)\s(.*)$", replace=r"$2 $1 ${1}x \g<1>\1 \\"), id="replace"),
        pytest.param(regexp(r"^(\d+)$", replace=r"$name {0.__init__} %s"), id="plain-text-replace"),
        pytest.param(regexp(r"^(?:\s*\w+\s+)*?(\S+)$"), id="harmless-repetition"),
        pytest.param(of_conform(csvsplit="\t"), id="tab"),
        pytest.param(of_conform(headers=2, skiplines=2), id="headers"),
        pytest.param(of_conform(headers=2), id="headers-alone"),
        pytest.param(of_conform(encoding="SHIFT_JISX0213"), id="encoding"),
        pytest.param(of_conform(encoding="utf-16"), id="two-byte-encoding"),
        pytest.param(of_conform(number=fn("join", fields=["A"] * 500)), id="500-fields"),
        pytest.param(chain(*["A"] * 50, variable="v"), id="50-steps"),
        pytest.param(covered(**{"ISO 3166": {"alpha2": "US-CA"}}), id="iso"),
        pytest.param(polygon((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)), id="square"),
        pytest.param({"coverage": COVERAGE, "type": "http", "data": "http://x/a", "conform": conform()}, id="flat"),
    ],
)
def test_good_files_give_no_findings(held: Any) -> None:
    assert [format_finding(one) for one in findings(held)] == []


SCHEMA = [
    pytest.param(
        of_conform(number=fn("regexpp", field="A", pattern="x")),
        f"{AT}.conform.number.function",
        "unknown function 'regexpp'",
        "did you mean 'regexp'? known are chain, constant, first_non_empty, format, get, join, map, mph_to_kph,",
        id="function",
    ),
    pytest.param(
        chain("A", fn("regexp", field="A"), variable="v"),
        f"{AT}.conform.number.functions[1]",
        "'pattern' is missing",
        "add 'pattern'",
        id="step",
    ),
    pytest.param(
        of_conform(number=fn("join", field="A", fields=["A"])),
        f"{AT}.conform.number.field",
        "unknown key 'field'",
        "did you mean 'fields'?",
        id="key-of-function",
    ),
    pytest.param(
        of_conform(housenumber="A"),
        f"{AT}.conform.housenumber",
        "unknown key 'housenumber'",
        "'number'?",
        id="attribute",
    ),
    pytest.param(of_conform(number=None), f"{AT}.conform", "'number' is missing", "House number", id="no-number"),
    pytest.param(of_conform(number=5), f"{AT}.conform.number", "must be text or a list or an object", "", id="kind"),
    pytest.param(of_conform(number=[]), f"{AT}.conform.number", "at least 1 item", "", id="empty-list"),
    pytest.param(of_conform(number=["A", 2]), f"{AT}.conform.number[1]", "item 2 must be text", "", id="list-item"),
    pytest.param(
        of_conform(format="xlsx"), f"{AT}.conform.format", "unknown format 'xlsx'", "known are csv,", id="format"
    ),
    pytest.param(of_conform(format=7), f"{AT}.conform.format", "unknown format a number", "csv", id="format-number"),
    pytest.param(of_conform(srs="25833"), f"{AT}.conform.srs", "impossible value", "EPSG:25833", id="srs"),
    pytest.param(of_conform(csvsplit=";;"), f"{AT}.conform.csvsplit", "at most 1 character", "\\t", id="csvsplit"),
    pytest.param(of_conform(csvsplit=""), f"{AT}.conform.csvsplit", "at least 1 character", "one", id="no-csvsplit"),
    pytest.param(
        of_conform(lat=fn("regexp")), f"{AT}.conform.lat", "must be text or null, not an object", "column", id="lat"
    ),
    pytest.param(of_conform(headers="2"), f"{AT}.conform.headers", "must be a whole number", "", id="headers"),
    pytest.param(of_conform(headers=-2), f"{AT}.conform.headers", "at least -1", "", id="headers-below"),
    pytest.param(of_conform(accuracy=6), f"{AT}.conform.accuracy", "at most 5", "1 to 5", id="accuracy"),
    pytest.param(
        of_conform(accuracy=fn("map", field="A", mapping={"x": "1"})),
        f"{AT}.conform.accuracy.mapping.x",
        "must be a whole number, not text",
        "",
        id="accuracy-map",
    ),
    pytest.param(of_source(data=["http://a"]), f"{AT}.data", "must be text, not a list", "one address", id="data-list"),
    pytest.param(of_source(data=5), f"{AT}.data", "must be text, not a number", "", id="data-number"),
    pytest.param(of_source(data={}), f"{AT}.data", "must be text, not an object", "", id="data-object"),
    pytest.param(of_source(protocol=5), f"{AT}.protocol", "unknown protocol", "http, ftp", id="protocol-number"),
    pytest.param(
        of_source(compression="rar"), f"{AT}.compression", "unknown compression 'rar'", "zip", id="compression"
    ),
    pytest.param(of_source(name=None), AT, "'name' is missing", "add 'name'", id="no-name"),
    pytest.param(of_source(skip="yes"), f"{AT}.skip", "true or false", "without quotes", id="skip"),
    pytest.param(of_source(licence="x"), f"{AT}.licence", "unknown key 'licence'", "'license'?", id="licence"),
    pytest.param(
        of_source(license={"share-alike": "no"}), f"{AT}.license.share-alike", "true or false", "", id="alike"
    ),
    pytest.param(of_source(language="french"), f"{AT}.language", "impossible value: 'french'", "two", id="language"),
    pytest.param(
        of_source(request={"headers": {"X": "a\r\nHost: b"}}),
        f"{AT}.request.headers.X",
        "impossible value",
        "on one line",
        id="header-injection",
    ),
    pytest.param(source(layers={"trees": []}), "layers.trees", "unknown layer 'trees'", "known are addr", id="layer"),
    pytest.param(source(schema=3), "schema", "must be 2", "write 2", id="schema"),
    pytest.param({"schema": 2}, "", "'coverage' is missing", "add 'coverage'", id="no-coverage"),
    pytest.param({"data": "http://x", "coverage": COVERAGE}, "", "'protocol' is missing", "", id="flat"),
    pytest.param(covered(country=5), "coverage.country", "must be text", "", id="country"),
    pytest.param(source(layers=[]), "layers", "must be an object, not a list", "", id="layers-list"),
]


@pytest.mark.parametrize(("held", "where", "message", "cure"), SCHEMA)
def test_schema_errors_read_like_sentences(held: Any, where: str, message: str, cure: str) -> None:
    (one,) = [found for found in findings(held) if found.severity == "error"]
    assert one.where == where
    assert message in one.message
    assert cure in one.cure
    assert one.cure
