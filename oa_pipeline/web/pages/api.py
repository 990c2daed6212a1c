"""What programs may ask: the addresses described for people, and as an OpenAPI document."""

from __future__ import annotations

from typing import Any

from ..answering.asking import allowed
from ..endpoints import Answer, Asked, Cache, Endpoint, Field, Kind, Link, twin_path
from ..forms import JSON, json_form
from ..openapi import document, template_of


def _described() -> list[Endpoint]:
    from . import ENDPOINTS as EVERY  # this module is one of those it is made of

    return [one for one in EVERY if one.listed]


def api(asked: Asked) -> Answer:
    """Every address: what it tells, its parameters, its other forms, and the fields of its JSON."""
    return Answer({"endpoints": [describe(one) for one in _described()]})


def describe(one: Endpoint) -> dict[str, Any]:
    """One address in the words of the public."""
    return {
        "path": template_of(one.path),
        "title": one.title,
        "doc": one.doc,
        "example": one.example or (one.path if one.fixed else ""),
        "twins": {extension: template_of(twin_path(one.path, extension)) for extension in one.twins},
        "parameters": [
            {"name": p.name, "in": "path" if p.in_path else "query", "doc": p.doc, "takes": allowed(p),
             "default": p.default if not p.in_path else None}
            for p in one.parameters
        ],
        "result": [{"name": f.name, "of": f.of, "type": str(f.kind), "doc": f.doc} for f in one.result],
    }  # fmt: skip


def openapi(asked: Asked) -> Answer:
    """The OpenAPI document."""
    site = asked.site
    return Answer(document(_described(), server=site.settings.public_url, contact=site.repository_url))


ENDPOINTS = (
    Endpoint(
        "/api/",
        "For programs",
        "Every address of this site: its parameters, its forms, and what its JSON holds.",
        api,
        template="api.html",
        twins={"json": json_form()},
        result=(
            Field("endpoints", Kind.ARRAY, "every address"),
            Field("path", Kind.STRING, "with what varies in braces", "endpoints"),
            Field("title", Kind.STRING, "in a few words", "endpoints"),
            Field("doc", Kind.STRING, "what it tells", "endpoints"),
            Field("example", Kind.STRING, "an address of that kind", "endpoints"),
            Field("twins", Kind.OBJECT, "the same facts in other forms: their addresses by extension", "endpoints"),
            Field("parameters", Kind.ARRAY, "name, in, doc, takes, default", "endpoints"),
            Field("result", Kind.ARRAY, "fields of its JSON: name, of, type, doc", "endpoints"),
        ),
        cache=Cache.FIXED,
        alternates=(Link("alternate", "/openapi.json", JSON),),
    ),
    Endpoint(
        "/openapi.json",
        "OpenAPI document",
        "The same for programs that make clients: OpenAPI 3.1.",
        openapi,
        form=json_form(),
        result=(
            Field("openapi", Kind.STRING, "the version of OpenAPI"),
            Field("info", Kind.OBJECT, "what this is"),
            Field("servers", Kind.ARRAY, "where it is"),
            Field("paths", Kind.OBJECT, "every address"),
            Field("components", Kind.OBJECT, "what they share"),
        ),
        example="/openapi.json",
        cache=Cache.FIXED,
    ),
)
