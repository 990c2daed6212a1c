"""Source files of all three generations as frozen types."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import Any

import pytest

from oa_pipeline.errors import Problem, SourceError
from oa_pipeline.sources.model import Column, Compression, Constant, Format, Layer, Licence, Protocol, Unknown
from oa_pipeline.sources.parse import parse_declared, parse_source

from .examples import COVERAGE, conform, data_source, source, text


def only(held: dict[str, Any], path: str = "us/ca/alameda") -> Any:
    (one,) = parse_source(text(held), path).data_sources
    return one


def test_a_source_of_today_is_read_whole() -> None:
    declared = data_source(
        protocol="http",
        compression="zip",
        website=" https://example.org/ ",
        license={"text": "CC0"},
        request={"headers": {"Referer": "https://example.org/"}},
        conform=conform(
            srs="EPSG:25833", file="a.csv", layer=2, encoding="cp1252", csvsplit=";", headers=2, skiplines=2, accuracy=1
        ),
    )
    read = parse_source(text(source(declared)), "sources/us/ca/alameda.json")
    assert (read.path, read.schema, dict(read.coverage.declared)) == ("us/ca/alameda", 2, COVERAGE)
    (one,) = read.data_sources
    assert one.key == "us/ca/alameda/addresses/county"
    assert (one.source, one.layer, one.name) == ("us/ca/alameda", Layer.ADDRESSES, "county")
    assert (one.data, one.protocol, one.compression) == ("https://example.org/a.csv", Protocol.HTTP, Compression.ZIP)
    assert (one.website, one.licence, one.skip) == ("https://example.org/", Licence("CC0"), False)
    assert one.request_headers == (("Referer", "https://example.org/"),)
    assert one.declared == declared
    read_as = one.conform
    assert (read_as.format, read_as.srs, read_as.file, read_as.layer) == (Format.CSV, "EPSG:25833", "a.csv", 2)
    assert (read_as.encoding, read_as.csvsplit, read_as.headers, read_as.skiplines) == ("cp1252", ";", 2, 2)
    assert (read_as.lon, read_as.lat) == ("X", "Y")
    assert read_as.attributes == (("number", Column("NO")), ("street", Column("ST")), ("accuracy", Constant(1)))


FLAT = {"coverage": COVERAGE, "data": "http://x/a.zip", "compression": "zip", "website": "http://x", "skip": True}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param({"type": "http", "conform": {"type": "shapefile", "number": "n"}}, id="type"),
        pytest.param({"protocol": "http", "conform": {"format": "shapefile", "number": "n"}}, id="protocol"),
        pytest.param({"schema": 1, "protocol": "http", "conform": {"format": "shapefile", "number": "n"}}, id="1"),
    ],
)
def test_both_former_generations_are_the_data_source_primary(words: dict[str, Any]) -> None:
    read = parse_source(text({**FLAT, **words}), "us/x")
    (one,) = read.data_sources
    assert read.schema == 1
    assert one.key == "us/x/addresses/primary"
    assert (one.protocol, one.conform.format, one.skip) == (Protocol.HTTP, Format.SHAPEFILE, True)
    assert dict(one.coverage.declared) == COVERAGE
    assert one.declared == {
        "name": "primary",
        "data": "http://x/a.zip",
        "compression": "zip",
        "website": "http://x",
        "skip": True,
        "protocol": "http",
        "conform": {"format": "shapefile", "number": "n"},
    }


@pytest.mark.parametrize(
    ("changed", "attribute", "value"),
    [
        pytest.param({"protocol": "esri"}, "protocol", Protocol.ESRI, id="protocol-without-case"),
        pytest.param({"protocol": "FILE"}, "protocol", Protocol.FILE, id="file"),
        pytest.param({"protocol": "gopher"}, "protocol", None, id="unknown-protocol"),
        pytest.param({"protocol": "gopher"}, "protocol_text", "gopher", id="unknown-protocol-text"),
        pytest.param({"protocol": None}, "protocol_text", "", id="no-protocol"),
        pytest.param({"compression": "rar"}, "compression", None, id="unknown-compression"),
        pytest.param({"compression": "rar"}, "compression_text", "rar", id="unknown-compression-text"),
        pytest.param({"data": ["http://a", "http://b"]}, "data", "http://a", id="first-of-several"),
        pytest.param({"data": " http://a \n"}, "data", "http://a", id="blanks-around-the-address"),
        pytest.param({"conform": None}, "conform", None, id="no-conform"),
        pytest.param({"skip": True}, "skip", True, id="skip"),
        pytest.param({"skip": False}, "skip", False, id="no-skip"),
        pytest.param({"website": 5, "year": [], "nonsense": {}}, "website", "", id="unknown-keys-and-kinds"),
    ],
)
def test_what_is_unknown_is_kept_for_the_run_to_report(changed: dict[str, Any], attribute: str, value: Any) -> None:
    assert getattr(only(source(data_source(**changed))), attribute) == value


@pytest.mark.parametrize(
    ("changed", "attribute", "value"),
    [
        pytest.param({"format": "xlsx"}, "format", None, id="unknown-format"),
        pytest.param({"format": "xlsx"}, "format_text", "xlsx", id="unknown-format-text"),
        pytest.param({"format": None}, "format_text", "", id="no-format"),
        pytest.param({"layer": "3"}, "layer", "3", id="digits-are-a-name"),
        pytest.param({"layer": 3}, "layer", 3, id="number-of-a-layer"),
        pytest.param({"csvsplit": None}, "csvsplit", ",", id="comma"),
        pytest.param({"lat": {"function": "regexp"}}, "lat", None, id="function-as-latitude"),
        pytest.param({"headers": -1}, "headers", -1, id="no-header"),
    ],
)
def test_processing_tags_are_read(changed: dict[str, Any], attribute: str, value: Any) -> None:
    assert getattr(only(source(data_source(conform=conform(**changed)))).conform, attribute) == value


def test_attributes_keep_the_order_of_the_file_and_strangers_stay_out() -> None:
    held = {"unit": "U", "street": "S", "number": "N", "pid": "P", "city": None, "format": "csv", "notes": ["x"]}
    one = only(source(data_source(conform=held)))
    assert [name for name, _ in one.conform.attributes] == ["unit", "street", "number"]
    assert one.conform.value("city") is None


def test_an_unknown_function_is_a_value() -> None:
    one = only(source(data_source(conform=conform(city={"function": "shout", "field": "x"}))))
    assert one.conform.value("city") == Unknown("shout")


def test_of_two_data_sources_with_one_name_the_first_wins() -> None:
    read = parse_source(text(source(data_source(data="http://a"), data_source(data="http://b"))), "us/x")
    assert [one.data for one in read.data_sources] == ["http://a"]


def test_the_first_of_each_layer_is_known() -> None:
    layers = {"addresses": [data_source(), data_source(name="b")], "parcels": [data_source(conform={"pid": "p"})]}
    read = parse_source(text(source(layers=layers)), "us/x")
    assert [(one.layer, one.name, one.first) for one in read.data_sources] == [
        ("addresses", "county", True),
        ("addresses", "b", False),
        ("parcels", "county", True),
    ]


def test_an_unknown_layer_is_passed_over() -> None:
    read = parse_source(text(source(layers={"trees": [data_source()], "addresses": [data_source()]})), "us/x")
    assert [one.layer for one in read.data_sources] == ["addresses"]


@pytest.mark.parametrize(("enabled", "count"), [({}, 1), ({"enabled": True}, 1), ({"enabled": False}, 0)])
def test_acceptance_tests_count_unless_they_are_switched_off(enabled: dict[str, bool], count: int) -> None:
    tests = [{"description": "d", "inputs": {"NO": None, "ST": 5}, "expected": {"number": ""}}]
    one = only(source(data_source(test={"description": "t", "acceptance-tests": tests, **enabled})))
    assert len(one.tests) == count
    for test in one.tests:
        assert (test.description, test.inputs) == ("d", (("NO", None), ("ST", "5")))
        assert test.expected == (("number", ""),)


UNREADABLE = [
    pytest.param([], "must be an object", "", id="a-list"),
    pytest.param({"schema": 2, "layers": []}, "'layers' must be an object", "layers", id="layers-list"),
    pytest.param({"layers": {"addresses": {}}}, "must be a list", "layers.addresses", id="layer-object"),
    pytest.param({"layers": {"addresses": ["x"]}}, "must be an object", "layers.addresses[0]", id="text"),
    pytest.param({"coverage": "us", "layers": {}}, "'coverage' must be", "coverage", id="coverage-text"),
    pytest.param({}, "'data' must be text, not null", "data", id="empty-object"),
    pytest.param(source(data_source(name=None)), "'name' is missing", "layers.addresses[0]", id="no-name"),
    pytest.param(source(data_source(name="a\nb")), "line break", "layers.addresses[0].name", id="line-break-in-name"),
    pytest.param(source(data_source(data=None)), "'data' must be text", "layers.addresses[0].data", id="no-data"),
    pytest.param(source(data_source(data={})), "not an object", "layers.addresses[0].data", id="data-object"),
    pytest.param(source(data_source(data=7)), "not a number", "layers.addresses[0].data", id="data-number"),
    pytest.param(source(data_source(data=[])), "not a list", "layers.addresses[0].data", id="data-empty-list"),
    pytest.param(source(data_source(conform="x")), "'conform' must be", "layers.addresses[0].conform", id="conform"),
    pytest.param(
        source(data_source(conform=conform(headers="2"))),
        "whole number",
        "layers.addresses[0].conform.headers",
        id="headers",
    ),
    pytest.param(
        source(data_source(conform=conform(number={"function": "regexp", "field": "x"}))),
        "'pattern' is missing",
        "layers.addresses[0].conform.number",
        id="function",
    ),
    pytest.param(
        source(data_source(test={"acceptance-tests": [{"inputs": []}]})),
        "an acceptance test needs",
        "layers.addresses[0].test.acceptance-tests[0]",
        id="test",
    ),
]


@pytest.mark.parametrize(("held", "message", "where"), UNREADABLE)
def test_what_cannot_be_read_says_where_and_what_to_do(held: Any, message: str, where: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_source(text(held), "us/x")
    error = caught.value
    assert message in error.message
    assert error.problem is Problem.INVALID_SOURCE
    assert error.cure
    assert error.place.startswith("us/x:")
    assert error.place.endswith(where)
    assert "\n" not in str(error)


def test_the_line_and_column_are_those_of_the_fault() -> None:
    with pytest.raises(SourceError) as caught:
        parse_source(b'{\n "schema": 2, "coverage": {},\n "layers": {"addresses": [\n  {"name": 5}]}}', "us/x")
    assert caught.value.place == "us/x:4:12: layers.addresses[0].name"


@pytest.mark.parametrize("path", ["sources/../x.json", "sources/a/b\nc.json", "a\0b", "x" * 700, "us/\u202ex.json"])
def test_a_path_that_could_do_harm_is_refused(path: str) -> None:
    with pytest.raises(SourceError, match="path") as caught:
        parse_source(text(source()), path)
    assert "\n" not in str(caught.value)
    assert "\u202e" not in str(caught.value)


def test_the_blob_is_gits_own() -> None:
    held = b'{"schema": 2, "coverage": {}}\n'
    expected = hashlib.sha1(b"blob 30\0" + held).hexdigest()
    assert parse_source(held, "us/x").blob_sha == expected


def test_a_declared_object_gives_the_same_data_source_after_a_trip_through_json() -> None:
    tests = {"description": "t", "acceptance-tests": [{"description": "d", "inputs": {"a": "b"}, "expected": {}}]}
    for held in (source(data_source(test=tests, license="CC0")), {**FLAT, "type": "http", "conform": {"type": "gdb"}}):
        one = only(held)
        declared, coverage = json.loads(json.dumps([one.declared, one.coverage.declared]))
        assert parse_declared(declared, coverage, one.source, one.layer) == one


def test_the_digest_changes_with_the_meaning_and_with_nothing_else() -> None:
    plain = only(source()).digest
    assert len(plain) == 64
    again = json.dumps(source(), indent=None, sort_keys=False, ensure_ascii=True).encode()
    assert parse_source(again, "us/moved").data_sources[0].digest == plain
    assert only(source(data_source(name="renamed"))).digest == plain
    assert only(source(data_source(data="http://b"))).digest != plain
    assert only(source(coverage={"country": "us"})).digest != plain
    assert only(source(data_source(conform=dict(reversed(conform().items()))))).digest != plain


def test_parsing_loads_nothing_heavy() -> None:
    code = (
        "import sys, oa_pipeline.sources.parse, oa_pipeline.sources.repository as r;"
        "heavy = {'polars', 'pyarrow', 'jsonschema', 'dagster', 'requests', 'shapely', 'flask'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
