"""The OpenAPI document, made of the records that the addresses are made of: what is served is what is described."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .. import __version__
from .endpoints import Endpoint, Field, Form, Kind, Parameter, twin_path
from .forms import PARTS

PAGE = "text/html; charset=utf-8"
_RULE = re.compile(r"<(?:\w+:)?(\w+)>")
_TYPES: Mapping[Kind, Mapping[str, Any]] = {
    Kind.STRING: {"type": ["string", "null"]},
    Kind.INTEGER: {"type": ["integer", "null"]},
    Kind.NUMBER: {"type": ["number", "null"]},
    Kind.BOOLEAN: {"type": ["boolean", "null"]},
    Kind.ARRAY: {"type": ["array", "null"]},
    Kind.OBJECT: {"type": ["object", "null"]},
    Kind.MOMENT: {"type": ["string", "null"], "format": "date-time"},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "detail"],
            "properties": {
                "code": {"type": "string", "description": "the kind of error, such as not_found"},
                "message": {"type": "string", "description": "what is wrong"},
                "detail": {"type": "string", "description": "what would be right; may be empty"},
            },
        }
    },
}
_SAID: Mapping[str, str] = {
    "301": "A name in it is spelt with capitals where there are none: this is its address",
    "302": "It lies at another address",
    "304": "It has not changed since the ETag or date that was sent along",
    "400": "A parameter has a value that cannot be used; `detail` says which it takes",
    "404": "There is nothing of that name",
    "429": "That was asked too often; Retry-After says for how many seconds to wait",
    "503": "The database is away and nothing older can be shown; Retry-After says for how many seconds to wait",
}
_NAMES = {"301": "Spelt", "302": "Elsewhere", "304": "NotModified", "400": "BadRequest", "404": "NotFound",
          "429": "TooMany", "503": "Away"}  # fmt: skip


def document(endpoints: Iterable[Endpoint], *, server: str, contact: str) -> dict[str, Any]:
    """The document of these endpoints, as OpenAPI 3.1. `contact`: the address of those who keep them."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OpenAddresses",
            "version": __version__,
            "description": (
                "Addresses, buildings and parcels of public sources: what there is, how it stands, and where it is "
                "fetched. Everything is read with GET or HEAD, by anybody, without a key. Pages and tables have ETags."
            ),
            "contact": {"url": contact},
        },
        "servers": [{"url": server or "/"}],
        "paths": dict(path for one in endpoints for path in _paths(one)),
        "components": {
            "schemas": {"Error": _ERROR},
            "responses": {_NAMES[status]: _response(status) for status in _SAID},
        },
    }


def template_of(rule: str) -> str:
    """A Flask rule as OpenAPI writes paths."""
    return _RULE.sub(r"{\1}", rule)


def statuses(endpoint: Endpoint) -> tuple[str, ...]:
    """All statuses that the endpoint and its twins answer with."""
    leads = endpoint.form is None and not endpoint.template
    in_path = any(one.in_path for one in endpoint.parameters)
    return (
        *(() if leads else ("200",)),
        *(("301",) if endpoint.spelt else ()),
        *(("302",) if leads or in_path else ()),
        "304",
        *(("400",) if endpoint.query else ()),
        *(("404",) if leads or in_path or endpoint.not_yet else ()),
        "429",
        "503",
    )


def schema(endpoint: Endpoint) -> dict[str, Any]:
    """Of the endpoint's JSON."""
    top = [one for one in endpoint.result if not one.of]
    tables = {one.of for one in endpoint.result if one.of}
    made = _object(top)
    for name in tables & set(made["properties"]):
        rows = _object([one for one in endpoint.result if one.of == name])
        held = made["properties"][name]
        held.update({"items": rows} if "array" in held["type"] else rows | {"type": held["type"]})
    return made


def _object(fields: Sequence[Field]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [one.name for one in fields if one.name not in PARTS],  # these only where a table goes on
        "properties": {one.name: {**_TYPES[one.kind], "description": one.doc} for one in fields},
    }


def _paths(endpoint: Endpoint) -> Iterator[tuple[str, dict[str, Any]]]:
    yield template_of(endpoint.path), {"get": _operation(endpoint, "", endpoint.form)}
    for extension, form in endpoint.twins.items():
        yield template_of(twin_path(endpoint.path, extension)), {"get": _operation(endpoint, extension, form)}


def _operation(endpoint: Endpoint, extension: str, form: Form | None) -> dict[str, Any]:
    path = twin_path(endpoint.path, extension) if extension else endpoint.path
    answers = {status: {"$ref": f"#/components/responses/{_NAMES[status]}"} for status in statuses(endpoint) if
               status in _NAMES}  # fmt: skip
    if endpoint.form is not None or endpoint.template:
        answers["200"] = _answer(endpoint, form)
    return {
        "operationId": re.sub(r"\W+", "_", template_of(path)).strip("_") or "home",
        "summary": f"{endpoint.title}, as {extension}" if extension else endpoint.title,
        "description": endpoint.doc,
        "parameters": [_parameter(one, whole=form is not None and form.whole) for one in endpoint.parameters],
        "responses": dict(sorted(answers.items())),
    }


def _answer(endpoint: Endpoint, form: Form | None) -> dict[str, Any]:
    content_type = form.content_type if form else PAGE
    media = content_type.partition(";")[0]
    told = {"type": "string"}
    if media == "application/json":
        told = schema(endpoint)
    elif media.endswith("+json"):
        told = {"type": "object"}
    return {
        "description": endpoint.title,
        "headers": {"ETag": {"description": "of the data's version", "schema": {"type": "string"}}},
        "content": {media: {"schema": told}},
    }


def _parameter(one: Parameter, *, whole: bool) -> dict[str, Any]:
    if whole and one.name == "per":
        one = replace(one, doc=f"{one.doc}; left out, as page is: all there are", default=None)
    return {
        "name": one.name,
        "in": "path" if one.in_path else "query",
        "required": one.in_path,
        "description": one.doc,
        "schema": _values(one),
    }


def _values(one: Parameter) -> dict[str, Any]:
    if one.allowed:
        made: dict[str, Any] = {"type": "string", "enum": [str(value) for value in one.allowed]}
    elif one.kind is Kind.INTEGER:
        made = {"type": "integer", "minimum": one.least, "maximum": one.most}
    else:
        made = {"type": "string", "maxLength": one.most}
    if not one.in_path and one.default not in ("", None):
        made["default"] = one.default
    return made


def _response(status: str) -> dict[str, Any]:
    made: dict[str, Any] = {"description": _SAID[status]}
    if status in {"301", "302"}:
        made["headers"] = {"Location": {"description": "where", "schema": {"type": "string"}}}
    if status in {"429", "503"}:
        made["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    if status not in {"301", "302", "304"}:
        made["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return made
