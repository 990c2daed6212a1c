"""The JSON Schema says what the code does."""

from __future__ import annotations

from typing import Any

import pytest
import referencing.exceptions
from jsonschema import Draft202012Validator
from referencing import Registry

from oa_pipeline.sources.model import ATTRIBUTES, Compression, Format, Layer, Protocol
from oa_pipeline.sources.schema import schema, validator
from oa_pipeline.sources.values import FUNCTIONS

from .examples import COVERAGE, conform, data_source, source

DEFS: dict[str, Any] = schema()["$defs"]


def test_the_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(schema())


def test_it_knows_the_functions_that_the_code_knows() -> None:
    assert set(DEFS["function"]["properties"]["function"]["enum"]) == set(FUNCTIONS)
    rules = {rule["if"]["properties"]["function"]["const"]: rule["then"] for rule in DEFS["function"]["allOf"]}
    assert rules == {name: {"$ref": f"#/$defs/{name}Function"} for name in FUNCTIONS}
    for name in FUNCTIONS:
        assert DEFS[f"{name}Function"]["properties"]["function"] == {"const": name}
        assert DEFS[f"{name}Function"]["additionalProperties"] is False


def test_it_knows_the_formats_protocols_and_compressions_that_the_code_knows() -> None:
    assert set(DEFS["format"]["enum"]) == {f.value for f in Format}
    assert {word.lower() for word in DEFS["protocol"]["enum"]} == {p.value for p in Protocol}
    assert set(DEFS["compression"]["enum"]) == {c.value for c in Compression}


def test_it_knows_the_layers_and_attributes_that_the_code_knows() -> None:
    assert set(DEFS["layered"]["properties"]["layers"]["properties"]) == {layer.value for layer in Layer}
    tags = set.intersection(*(set(DEFS[f"{layer}Conform"]["properties"]) for layer in Layer)) - {"id", "name"}
    for layer in Layer:
        attributes = set(DEFS[f"{layer}Conform"]["properties"]) - tags
        assert attributes == set(ATTRIBUTES[layer])


def test_everything_in_it_is_described() -> None:
    for name, held in DEFS.items():
        for key, part in {"": held, **held.get("properties", {})}.items():
            known = {"$ref", "const", "enum"} & part.keys() or key in ("schema", "state", "name", *COVERAGE)
            assert part.get("description") or known or part.get("type") in ("string", "integer"), f"{name}.{key}"


def test_nothing_outside_it_is_ever_fetched() -> None:
    assert all(ref.startswith("#/") for ref in references(schema()))
    astray = Draft202012Validator({"$ref": "http://127.0.0.1:9/schema.json"}, registry=Registry())
    with pytest.raises(referencing.exceptions.Unresolvable):
        astray.is_valid({})


def references(held: Any) -> list[str]:
    if isinstance(held, dict):
        own = [held["$ref"]] if isinstance(held.get("$ref"), str) else []
        return own + [ref for value in held.values() for ref in references(value)]
    return [ref for value in held for ref in references(value)] if isinstance(held, list) else []


FLAT = {"coverage": COVERAGE, "data": "http://x/a.csv"}


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(source(), id="today"),
        pytest.param({"schema": 2, "coverage": COVERAGE}, id="no-layers"),
        pytest.param({**FLAT, "type": "http", "conform": {**conform(format=None), "type": "csv"}}, id="first"),
        pytest.param({**FLAT, "protocol": "http", "conform": conform()}, id="second"),
        pytest.param(source(data_source(conform={"pid": "P", "format": "gdb"}), layer="parcels"), id="parcels"),
        pytest.param(source(data_source(conform=conform(accuracy=3))), id="accuracy-number"),
        pytest.param(source(data_source(conform=conform(accuracy="ACC"))), id="accuracy-column"),
        pytest.param(source(data_source(conform=conform(srs="epsg:25833", layer=0, headers=-1))), id="tags"),
        pytest.param(source(data_source(conform=conform(lat=None, lon=None))), id="no-coordinates"),
    ],
)
def test_good_files_are_valid(held: Any) -> None:
    assert [error.message for error in validator().iter_errors(held)] == []
