"""Findings: each rule with a file that breaks it, its place and its cure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.sources.lint import Finding, format_finding, lint

from ..examples import COVERAGE, conform, data_source, source, text

PATH = "sources/us/ca/alameda.json"
AT = "layers.addresses[0]"


def findings(held: Any, path: str = PATH, *, allow_local: bool = False) -> tuple[Finding, ...]:
    return lint(held if isinstance(held, bytes) else text(held), path, allow_local=allow_local)


def of_conform(**changed: Any) -> dict[str, Any]:
    return source(data_source(conform=conform(**changed)))


def of_source(**changed: Any) -> dict[str, Any]:
    return source(data_source(**changed))


def covered(**coverage: Any) -> dict[str, Any]:
    return source(coverage={"country": "us", "US Census": {"geoid": "06"}, **coverage})


def fn(function: str, **held: Any) -> dict[str, Any]:
    return {"function": function, **held}


def regexp(pattern: str, **held: Any) -> dict[str, Any]:
    return of_conform(number=fn("regexp", field="A", pattern=pattern, **held))


def polygon(*ring: tuple[float, float]) -> dict[str, Any]:
    return covered(geometry={"type": "Polygon", "coordinates": [list(map(list, ring))]})


def chain(*steps: Any, **held: Any) -> dict[str, Any]:
    return of_conform(number=fn("chain", functions=list(steps), **held))


def nested(depth: int) -> Any:
    step: Any = "A"
    for _ in range(depth):
        step = fn("chain", variable="v", functions=["A", step])
    return step


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


ADDRESSES = [
    ("file:///etc/passwd", "bad-address"),
    ("FILE:/etc/passwd", "bad-address"),
    ("gopher://example.org/x", "bad-address"),
    ("data:text/csv,a", "bad-address"),
    ("dict://example.org:11211/x", "bad-address"),
    ("jar:http://example.org!/x", "bad-address"),
    ("\\\\host\\share\\a.csv", "bad-address"),
    ("C:\\a.csv", "bad-address"),
    ("a/b.csv", "bad-address"),
    ("/a/b.csv", "bad-address"),
    ("//example.org/a.csv", "bad-address"),
    ("", "bad-address"),
    ("  ", "bad-address"),
    ("https:///a.csv", "bad-address"),
    ("https://[::1/a", "bad-address"),
    ("https://example.org:port/a", "bad-address"),
    ("https://example.org/a\nb", "bad-address"),
    ("http://127.0.0.1/a.csv", "bad-address"),
    ("http://localhost:8080/a.csv", "bad-address"),
    ("http://[::1]/a.csv", "bad-address"),
    ("http://169.254.169.254/latest", "bad-address"),
    ("http://10.1.2.3/a.csv", "bad-address"),
    ("http://example.org:22/a.csv", "bad-port"),
    ("http://example.org:25/a.csv", "bad-port"),
    ("http://example.org:5432/a.csv", "bad-port"),
    ("http://example.org:6379/a.csv", "bad-port"),
    ("http://example.org:11211/a.csv", "bad-port"),
]


@pytest.mark.parametrize(("address", "rule"), ADDRESSES)
def test_addresses_that_nobody_will_go_to_are_errors(address: str, rule: str) -> None:
    (one,) = [found for found in findings(of_source(data=address)) if found.severity == "error"]
    assert (one.rule, one.where) == (rule, f"{AT}.data")
    assert one.cure


@pytest.mark.parametrize("address", ["file:///data/a.csv", "http://127.0.0.1:8000/a.csv", "http://localhost/a.csv"])
def test_local_addresses_are_fine_where_they_are_allowed(address: str) -> None:
    assert findings(of_source(data=address), allow_local=True) == ()


@pytest.mark.parametrize(
    ("protocol", "address", "severity"),
    [
        ("http", "ftp://example.org/a.zip", "warning"),
        ("ftp", "https://example.org/a.zip", "warning"),
        ("ESRI", "ftp://example.org/a", "error"),
    ],
)
def test_a_protocol_that_does_not_suit_the_address_is_noted(protocol: str, address: str, severity: str) -> None:
    (one,) = findings(of_source(protocol=protocol, data=address))
    assert (one.rule, one.severity) == ("protocol-mismatch", severity)


@pytest.mark.parametrize(("protocol", "cure"), [("esri", "write 'ESRI'"), ("Http", "write 'http'")])
def test_odd_case_of_a_protocol_is_only_a_warning(protocol: str, cure: str) -> None:
    (one,) = findings(of_source(protocol=protocol))
    assert (one.severity, one.rule, one.cure) == ("warning", "protocol-case", cure)


def test_an_unknown_protocol_names_the_known_ones() -> None:
    (one,) = findings(of_source(protocol="sftp"))
    assert (one.severity, one.message) == ("error", "unknown protocol 'sftp'")
    assert one.cure == "known are http, ftp, file, ESRI"


@pytest.mark.parametrize(
    "address",
    [
        "https://me:hunter2@example.org/a.csv",
        "//me:hunter2@example.org/a",
        "http://me:hunter2@example.org:22/a",
        "https://me:hunter2@[::1/a",
        "https://me:hunter2@ex\u2100mple.org/a",
        " https://me:hunter2@127.0.0.1/ ",
    ],
)
def test_an_account_in_an_address_is_noted_and_its_password_never_shown(address: str) -> None:
    found = findings(of_source(data=address))
    assert found
    assert not [one for one in found if "hunter2" in format_finding(one)]


def test_an_account_in_an_address_is_a_warning() -> None:
    (one,) = findings(of_source(data="https://me:secret@example.org/a.csv"))
    assert (one.severity, one.rule) == ("warning", "address-with-account")


def test_findings_have_line_and_column_and_come_in_order() -> None:
    held = b'{"schema": 2, "coverage": {"country": "zz", "geometry": {"type": "Point", "coordinates": [0, 0]}},\n'
    held += b' "layers": {"addresses": [\n   {"name": "x", "nom": 1,\n    "data": "ftp://", "protocol": "ftp"}\n]}}'
    places = [(one.line, one.column, one.rule) for one in findings(held)]
    assert places == [
        (1, 39, "unknown-country"),
        (3, 4, "no-conform"),
        (3, 18, "unknown-key"),
        (4, 13, "bad-address"),
    ]


@pytest.mark.parametrize(
    "held",
    [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[]", b'"x"', b'{"x": "\\ud800"}'],
)
def test_what_is_not_json_is_one_finding(held: bytes) -> None:
    (one,) = findings(held)
    assert (one.severity, one.rule) == ("error", "json")
    assert one.line == 1
    assert one.cure


@pytest.mark.parametrize(
    "path", ["sources/../x.json", "sources/a/b\nc.json", "sources/\0.json", "sources/\u202ex.json"]
)
def test_a_path_that_could_do_harm_is_one_finding_on_one_line(path: str) -> None:
    (one,) = findings(source(), path)
    assert one.rule == "bad-path"
    shown = format_finding(one)
    assert not {"\n", "\0", "\u202e"} & set(shown)


def test_a_finding_is_one_line() -> None:
    one = Finding("a.json", 3, 7, "layers", "error", "two\nlines\x1b[31m", "mend it")
    assert format_finding(one) == "a.json:3:7: error: two\\u000alines\\u001b[31m (layers) mend it"
    assert format_finding(Finding("a.json", 1, 1, "", "warning", "m", "")) == "a.json:1:1: warning: m"


def test_chains_nested_beyond_reason_are_an_error_not_a_crash() -> None:
    assert {one.rule for one in findings(of_conform(number=nested(46)))} & {"long-chain", "too-deep"}
    assert [one.rule for one in findings(of_conform(number=nested(60)))] == ["json"]


def test_references_in_data_are_unknown_keys() -> None:
    (one,) = findings(source(**{"$ref": "http://127.0.0.1:9/x"}))
    assert (one.rule, one.where) == ("unknown-key", '["$ref"]')


WORDS = (
    "name data protocol conform function functions field fields pattern replace format number lat csvsplit encoding "
    "headers license website test geometry addresses coordinates type geoid country variable"
)
KEYS = [*WORDS.split(), "US Census", "ISO 3166"]

ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats(-2, 2) | st.text("a$:/\\(é\0\ud7ff", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(whole=ODD, layers=ODD, declared=ODD, held=ODD, value=ODD, coverage=ODD)
def test_lint_never_raises_whatever_the_file_holds(
    whole: Any, layers: Any, declared: Any, held: Any, value: Any, coverage: Any
) -> None:
    for odd in (
        whole,
        source(layers=layers),
        source(layers={"addresses": [declared]}),
        of_source(conform=held),
        of_conform(number=value, street=fn("chain", functions=[value]), layer=value, headers=value, encoding=value),
        of_source(data=value, protocol=value, name=value, license=value, website=value, test=value, request=value),
        source(coverage=coverage),
        covered(geometry={"type": "Polygon", "coordinates": value}),
    ):
        for one in findings(odd):
            assert one.line >= 1
            assert one.column >= 1
            assert one.message
