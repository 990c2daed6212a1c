"""What is described for programs is what is served: every address, parameter, status and field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from oa_pipeline.web.endpoints import Endpoint, Kind, Parameter, twin_path
from oa_pipeline.web.openapi import document, schema, statuses, template_of
from oa_pipeline.web.pages import ENDPOINTS

from .filled import KEY, SCRIPT, SOURCE, Filled
from .reading import parsed

LISTED = tuple(one for one in ENDPOINTS if one.listed)
TELLING = tuple(
    one for one in LISTED if "json" in one.twins or (one.form and one.form.content_type == "application/json")
)
HOSTILE = (
    "", "0", "-1", "1e9", "٣", "9" * 19, "9" * 30, "abc", SCRIPT, "x" * 5000, "%00", "%ff", "%0d%0aX: y", "..%2f..",
    "%f0%9f%92%a9", "'; DROP TABLE oa.runs; --", "[]", "\u202e\ud7ff", "WyI-IixbXSwieCJd", "{{7*7}}", "NaN", "null",
)  # fmt: skip


def given(filled: Filled) -> dict[str, str]:
    """What is in the places of an address that vary."""
    return {
        "what": SOURCE, "number": str(filled.good), "code": "fr", "mail": "ca", "job": filled.job_id, "lon": "1",
        "lat": "2", "name": "openaddr-collected-global.zip", "key": KEY,
    }  # fmt: skip


def address(path: str, values: dict[str, str]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values.get(found.group(1), "1"), path)


def paths(endpoint: Endpoint) -> Iterator[str]:
    yield endpoint.path
    yield from (twin_path(endpoint.path, extension) for extension in endpoint.twins)


def test_the_document_is_valid(reader: FlaskClient) -> None:
    told = reader.get("/openapi.json").get_json()

    OpenAPIV31SpecValidator(told).validate()
    assert told["servers"] == [{"url": "https://site.example"}]
    names = [one["get"]["operationId"] for one in told["paths"].values()]
    assert len(names) == len(set(names))
    assert document(LISTED, server="", contact="https://github.com/o/r")["servers"] == [{"url": "/"}]


def test_a_document_that_is_wrong_would_be_seen(reader: FlaskClient) -> None:
    told = reader.get("/openapi.json").get_json()
    told["paths"]["/sources/"]["get"]["parameters"][0]["in"] = "nowhere"

    with pytest.raises(Exception, match="nowhere"):
        OpenAPIV31SpecValidator(told).validate()


def test_every_address_of_the_site_is_in_it_and_nothing_else(reader: FlaskClient) -> None:
    told = reader.get("/openapi.json").get_json()["paths"]

    assert set(told) == {template_of(path) for one in LISTED for path in paths(one)}
    for one in LISTED:
        asked = {each["name"] for each in told[template_of(one.path)]["get"]["parameters"]}
        assert asked == {each.name for each in one.parameters}


@pytest.mark.parametrize("endpoint", TELLING, ids=lambda one: one.path)
def test_json_is_as_it_is_described(reader: FlaskClient, filled: Filled, endpoint: Endpoint) -> None:
    path = endpoint.path if endpoint.form else twin_path(endpoint.path, "json")
    values = given(filled) | ({"number": str(filled.set_id)} if path.startswith("/sets/") else {})
    answer = reader.get(address(path, values))
    if endpoint.not_yet and answer.status_code == 404:
        return

    assert answer.status_code == 200, answer.text
    jsonschema.Draft202012Validator(schema(endpoint)).validate(answer.get_json())


def answers(endpoint: Endpoint, one: Parameter, filled: Filled) -> Iterator[str]:
    """Addresses with a hostile value for one parameter."""
    values = given(filled)
    for hostile in HOSTILE:
        text = hostile if hostile.startswith(("%", "..")) else quote(hostile.encode("utf-8", "surrogatepass"))
        for path in paths(endpoint):
            if one.in_path:
                yield address(path, values | {one.name: text})
            else:
                yield f"{address(path, values)}?{one.name}={text}"


@pytest.mark.parametrize(
    ("endpoint", "parameter"),
    [pytest.param(one, each, id=f"{one.path} {each.name}") for one in LISTED for each in one.parameters],
)
def test_no_value_of_a_parameter_gives_another_status_than_is_documented(
    reader: FlaskClient, filled: Filled, endpoint: Endpoint, parameter: Parameter
) -> None:
    documented = {int(status) for status in statuses(endpoint)}
    for asked in answers(endpoint, parameter, filled):
        answer = reader.get(asked, headers={"Accept": "application/json"})
        # An empty or slashed part of a path makes it another address, which may be nobody's.
        allowed = documented | ({301, 308, 404, 200} if parameter.in_path else set())
        assert answer.status_code in allowed, (asked[:200], answer.status_code, answer.text[:200])
        if answer.status_code >= 400:
            assert set(answer.get_json()["error"]) == {"code", "message", "detail"}


def test_what_a_parameter_takes_is_taken(reader: FlaskClient, filled: Filled) -> None:
    for endpoint in LISTED:
        for one in endpoint.query:
            fine = [*one.allowed] or ([one.least, one.most] if one.kind is Kind.INTEGER else [])
            for value in fine:
                answer = reader.get(f"{address(endpoint.path, given(filled))}?{one.name}={value}")
                assert answer.status_code in {200, 302}, (endpoint.path, one.name, value)


def test_the_page_describes_every_address_with_an_example_that_works(reader: FlaskClient) -> None:
    page = parsed(reader.get("/api/", headers={"Accept": "text/html"}).text)
    text = page.all("main")[0].text

    assert [one.path for one in LISTED if template_of(one.path) not in text] == []
    assert [one.doc for one in LISTED if one.doc not in text] == []
    for told in reader.get("/api.json").get_json()["endpoints"]:
        if told["example"].startswith(("/sources", "/quality", "/changes", "/coverage", "/licences", "/collections")):
            assert reader.get(told["example"]).status_code == 200, told["example"]


def test_it_is_described_which_forms_are_whole(reader: FlaskClient) -> None:
    told = reader.get("/openapi.json").get_json()["paths"]

    def per(path: str) -> Any:
        return next(one for one in told[path]["get"]["parameters"] if one["name"] == "per")

    assert per("/sources.json")["schema"]["default"] == 100
    for path in ("/sources.csv", "/sources.geojson", "/quality.csv", "/coverage/{code}.csv", "/licences.csv"):
        assert "default" not in per(path)["schema"]
        assert per(path)["description"].endswith("left out, as page is: all there are")


def test_nothing_of_a_table_is_described_that_has_no_table() -> None:
    for endpoint in ENDPOINTS:
        made: Any = schema(endpoint)["properties"]
        assert {one.of for one in endpoint.result if one.of} <= set(made), endpoint.path
